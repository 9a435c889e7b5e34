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
        actor: Actor::shell(),
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
        }
    }
}

/// Rights as JSON members.
pub(super) fn rights_json(rights: &Rights) -> serde_json::Value {
    serde_json::json!({
        "organization": rights.organization,
        "organization_access": rights.organization_access.as_str(),
        "jurisdictions": rights.jurisdictions,
        "record_types": rights.record_types,
    })
}
