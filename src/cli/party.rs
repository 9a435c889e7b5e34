//! What commands open of a party: its configuration, its database beside a running server.

use std::path::PathBuf;

use anyhow::Context;
use authorization_server::administration::{Actor, Administration};
use oauth::Random;
use storage::{Clock, Db};

use crate::config::{self, Loaded};
use crate::serve;

/// Which party a command is about.
#[derive(clap::Args)]
pub(super) struct ConfigFile {
    /// The party's configuration
    #[arg(long, value_name = "FILE", default_value = "vitalgate.toml")]
    config: PathBuf,
}

impl ConfigFile {
    /// Reads the configuration.
    pub(super) fn load(&self) -> anyhow::Result<Loaded> {
        config::load(&self.config)
    }

    /// Opens the party's database.
    pub(super) async fn open(&self) -> anyhow::Result<(Loaded, Db)> {
        let loaded = self.load()?;
        let db = serve::open_database(&loaded).await?;
        Ok((loaded, db))
    }

    /// Opens the registrations of the party's authorization server.
    pub(super) async fn administration(&self) -> anyhow::Result<(Loaded, Administration)> {
        let loaded = self.load()?;
        let text = "this party has no [authorization_server], and so no registrations";
        loaded.config.authorization_server.as_ref().context(text)?;
        let db = serve::open_database(&loaded).await?;
        let administration = administration(&loaded, db);
        Ok((loaded, administration))
    }

    /// The client role, without a database: a person's command leaves no audit row at home; the peer's
    /// servers leave theirs.
    pub(super) fn client(&self) -> anyhow::Result<(client::Client, String)> {
        let loaded = self.load()?;
        let client = serve::client_without_database(&loaded)?;
        Ok((client, loaded.config.party))
    }
}

/// The registrations of a party, as somebody with a shell changes them.
pub(super) fn administration(loaded: &Loaded, db: Db) -> Administration {
    Administration {
        db,
        clock: Clock::system(),
        random: Random::system(),
        party: loaded.config.party.clone(),
        jurisdictions: serve::jurisdictions(&loaded.config),
        actor: Actor::shell(),
    }
}
