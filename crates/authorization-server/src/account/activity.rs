//! What was done lately in a person's name, out of the audit: whoever reads it finds a sign-in that was not the own.

use storage::audit::{self, AuditRow, Filter};

use crate::AuthorizationServer;
use crate::pages::is_activity;

/// The latest acts that say something to the person, the newest first.
pub(super) async fn recent(
    server: &AuthorizationServer,
    id: &str,
) -> Result<Vec<AuditRow>, storage::Error> {
    let filter = Filter {
        subject: Some(id.to_owned()),
        since: Some(server.clock().now() - LOOKED_BACK),
        limit: READ,
        ..Filter::default()
    };
    let mut rows = audit::list(server.db(), &filter).await?;
    rows.retain(|row| is_activity(&row.event));
    rows.truncate(SHOWN);
    Ok(rows)
}

/// An application that renews its tokens all day leaves many rows between those that are shown.
const READ: u32 = 500;
const SHOWN: usize = 15;
const LOOKED_BACK: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);
