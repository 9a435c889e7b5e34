//! What the management commands share: the party's database, opened beside the running server.

use std::path::PathBuf;

use anyhow::bail;
use authorization_server::administration::{Actor, Administration};
use authorization_server::{OrganizationAccess, Rights};
use oauth::Random;
use storage::{Clock, Db};

use super::output::Output;
use crate::config::{self, Loaded};
use crate::serve;

/// Which party, and how to write the answer.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Shell {
    /// Configuration file of the party
    #[arg(
        long,
        value_name = "FILE",
        default_value = "vitalgate.toml",
        env = "VITALGATE_CONFIG",
        global = true
    )]
    config: PathBuf,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, global = true)]
    pub(super) output: Output,
}

impl Shell {
    /// The configuration.
    pub(super) fn load(&self) -> anyhow::Result<Loaded> {
        config::load(&self.config)
    }

    /// The database, which a running server may have open too: it sees every change at once.
    pub(super) async fn db(&self) -> anyhow::Result<(Loaded, Db)> {
        let loaded = self.load()?;
        let db = serve::open_database(&loaded).await?;
        Ok((loaded, db))
    }

    /// The registrations of the party's authorization server.
    pub(super) async fn administration(&self) -> anyhow::Result<Administration> {
        let (loaded, db) = self.db().await?;
        if loaded.config.authorization_server.is_none() {
            bail!("{} has no [authorization_server]", self.config.display());
        }
        Ok(administration(&loaded, db))
    }
}

/// The registrations of a party, as somebody with a shell changes them.
pub(super) fn administration(loaded: &Loaded, db: Db) -> Administration {
    Administration {
        db,
        clock: Clock::system(),
        random: Random::system(),
        party: loaded.config.party.clone(),
        issuer: serve::issuer(&loaded.config),
        session_idle: serve::session_idle(&loaded.config),
        jurisdictions: serve::jurisdictions(&loaded.config),
        signing_algorithms: serve::signing_algorithms(&loaded.config),
        actor: Actor::shell().of_account(account()),
    }
}

/// Whose account of the machine this is, for the audit: `uid:1000`, or `uid:0 by sudo of uid:1000`. What sudo says is
/// only repeated where it is a number.
pub(super) fn account() -> String {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata("/proc/self").map(|process| process.uid());
    let uid = uid.map_or_else(|_| "uid unknown".to_owned(), |uid| format!("uid:{uid}"));
    let behind = std::env::var("SUDO_UID").ok();
    match behind.and_then(|text| text.parse::<u32>().ok()) {
        Some(behind) => format!("{uid} by sudo of uid:{behind}"),
        None => uid,
    }
}

/// Whose records a client's or a person's tokens reach.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RightsArgs {
    /// Organization on whose behalf it acts
    #[arg(long)]
    organization: Option<String>,
    /// Reach records of every organization, not only the own
    #[arg(long)]
    all_organizations: bool,
    /// Jurisdiction codes, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "CODE")]
    jurisdictions: Vec<String>,
    /// birth, fetal-death or both, separated by a comma
    #[arg(long, value_delimiter = ',', value_name = "TYPE")]
    record_types: Vec<String>,
    /// Facility of the organization, by NPI or another identifier; several separated by commas, an empty text
    /// means none [default: all]
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    facility: Option<Vec<String>>,
}

impl From<RightsArgs> for Rights {
    fn from(args: RightsArgs) -> Self {
        let access = if args.all_organizations {
            OrganizationAccess::All
        } else {
            OrganizationAccess::Own
        };
        Self {
            organization: args.organization,
            organization_access: access,
            jurisdictions: args.jurisdictions,
            record_types: args.record_types,
            facilities: args.facility.map(named),
        }
    }
}

/// Rights of which only what is given is changed.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RightsChange {
    /// Organization on whose behalf it acts
    #[arg(long)]
    organization: Option<String>,
    /// Whether records of every organization are reached: own, all
    #[arg(long, value_parser = access)]
    organization_access: Option<OrganizationAccess>,
    /// Jurisdiction codes, separated by commas; an empty text means none
    #[arg(long, value_delimiter = ',', value_name = "CODE")]
    jurisdictions: Option<Vec<String>>,
    /// birth, fetal-death or both, separated by a comma; an empty text means none
    #[arg(long, value_delimiter = ',', value_name = "TYPE")]
    record_types: Option<Vec<String>>,
    /// Facility of the organization, by NPI or another identifier; several separated by commas, an empty text
    /// means none
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "ID",
        conflicts_with = "all_facilities"
    )]
    facility: Option<Vec<String>>,
    /// No limit to facilities
    #[arg(long)]
    all_facilities: bool,
}

impl RightsChange {
    /// The rights with what is given in them.
    pub(super) fn of(self, before: Rights) -> Rights {
        let list = |given: Option<Vec<String>>, before| match given {
            Some(given) => named(given),
            None => before,
        };
        Rights {
            organization: self.organization.or(before.organization),
            organization_access: self
                .organization_access
                .unwrap_or(before.organization_access),
            jurisdictions: list(self.jurisdictions, before.jurisdictions),
            record_types: list(self.record_types, before.record_types),
            facilities: match (self.all_facilities, self.facility) {
                (true, _) => None,
                (false, Some(given)) => Some(named(given)),
                (false, None) => before.facilities,
            },
        }
    }
}

/// What is left of a list of which an empty text is none.
fn named(given: Vec<String>) -> Vec<String> {
    given.into_iter().filter(|it| !it.is_empty()).collect()
}

fn access(name: &str) -> Result<OrganizationAccess, String> {
    OrganizationAccess::parse(name).ok_or_else(|| "use own or all".to_owned())
}
