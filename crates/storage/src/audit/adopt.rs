//! Rows from before the chain become links of a writer of their own.

use jiff::Timestamp;

use crate::audit::chain::Head;
use crate::audit::link::{Link, UNLINKED};
use crate::audit::{AuditEvent, Outcome};
use crate::error::Error;
use crate::transaction::{Transaction, Work};
use crate::value::Value;
use crate::{Clock, Db};

/// Once after the migration that brought the chain: whatever is there then is taken for what it is. It goes on where
/// it was interrupted; later rows without a writer are a finding of [`super::verify`].
pub(crate) async fn adopt_once(db: &Db) -> Result<(), Error> {
    let kind = db.find(KIND, &[], |row| row.text(0)).await?;
    if kind.as_deref() != Some("adopting") {
        return Ok(());
    }
    let adopted = adopt(db).await?;
    db.write(Done(Clock::system().now())).await?;
    tracing::info!(
        adopted,
        "audit rows from before the chain are links of it now"
    );
    Ok(())
}

/// Makes links of all rows without a writer, which a program older than the chain has written beside this one, and
/// says how many there were. Whoever asks has looked at them: anybody could have put them there.
///
/// # Errors
/// Any [`Error`]; what was adopted before stays so.
pub async fn adopt(db: &Db) -> Result<u64, Error> {
    let mut adopted = 0;
    loop {
        match db.write(Batch).await? {
            0 => return Ok(adopted),
            batch => adopted += batch,
        }
    }
}

struct Batch;

impl Work for Batch {
    type Output = u64;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<u64, Error> {
        tx.lock("audit adoption").await?;
        let rows = tx.select(UNLINKED, &[], Link::read).await?;
        let Some(mut head) = tx.find(HEAD, &[], Head::read).await? else {
            return Err(Error::Failed("the audit has lost a writer".to_owned()));
        };
        let adopted = u64::try_from(rows.len()).unwrap_or(0);
        for row in rows {
            let Some(columns) = row.columns else {
                return Err(Error::Failed("an audit row cannot be read".to_owned()));
            };
            let id: Value = row.id.into();
            head = head.next(&columns);
            let hash: Value = head.hash.0.as_slice().into();
            tx.execute(LINK, &[head.sequence.into(), hash, id]).await?;
        }
        if adopted > 0 {
            let hash: Value = head.hash.0.as_slice().into();
            tx.execute(MOVE, &[head.sequence.into(), hash]).await?;
        }
        Ok(adopted)
    }
}

/// Leaves a row: whoever owns the database can have this happen again, for rows that he has put in.
struct Done(Timestamp);

impl Work for Done {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        if tx.execute(DONE, &[]).await? == 0 {
            return Ok(());
        }
        let newest = tx.find(NEWEST, &[], |row| {
            Ok((row.text(0)?, row.text(1)?, row.integer(2)?))
        });
        let Some((party, role, rows)) = newest.await? else {
            return Ok(());
        };
        let role = super::role(&role);
        let event = AuditEvent::new(self.0, &party, role, "audit.adopt", Outcome::Allowed);
        let reason = Some(format!("{rows} rows from before the chain"));
        tx.audit(&AuditEvent { reason, ..event }).await
    }
}

const KIND: &str = "SELECT kind FROM audit_writer WHERE writer = 'before'";
const HEAD: &str = "SELECT writer, sequence, hash FROM audit_writer WHERE writer = 'before'";
const LINK: &str =
    "UPDATE audit_event SET writer = 'before', sequence = $1, hash = $2 WHERE id = $3";
const MOVE: &str = "UPDATE audit_writer SET sequence = $1, hash = $2 WHERE writer = 'before'";
const DONE: &str =
    "UPDATE audit_writer SET kind = 'adopted' WHERE writer = 'before' AND kind = 'adopting'";
/// Whose rows they are is known from nowhere else here.
const NEWEST: &str = "SELECT party, role, sequence FROM audit_event WHERE writer = 'before' \
                      ORDER BY writer DESC, sequence DESC LIMIT 1";
