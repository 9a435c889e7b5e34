//! The chain of one writer.

use super::{Verification, What, Writer};
use crate::Db;
use crate::audit::chain::{self, Hash};
use crate::audit::link::{Link, OF_WRITER};
use crate::error::Error;

/// Walks the chain from what retention has left to its newest row.
pub(super) async fn verify(
    db: &Db,
    writer: &Writer,
    report: &mut Verification,
) -> Result<(), Error> {
    let name = writer.head.writer.as_str();
    let mut walk = Walk::new(writer);
    loop {
        walk.rows(db).await?;
        // Read after the rows: what was written meanwhile is read by another turn.
        let Some(now) = Writer::find(db, name).await? else {
            break;
        };
        if now.removed_sequence > walk.from {
            // Retention is at work: from its new end on.
            walk = Walk::new(&now);
            continue;
        }
        if now.head.sequence > walk.last && walk.has_more(db).await? {
            continue;
        }
        walk.end(&now);
        break;
    }
    walk.tell(report);
    Ok(())
}

struct Walk {
    writer: String,
    from: i64,
    last: i64,
    last_id: Option<String>,
    previous: Hash,
    read: u64,
    /// Rows that do not follow, with the hash that they should follow.
    broken: Vec<(Hash, i64, Link)>,
    found: Vec<(What, i64, Option<String>, String)>,
}

impl Walk {
    fn new(writer: &Writer) -> Self {
        Self {
            writer: writer.head.writer.clone(),
            from: writer.removed_sequence,
            last: writer.removed_sequence,
            last_id: None,
            previous: writer.removed_hash.clone(),
            read: 0,
            broken: Vec::new(),
            found: Vec::new(),
        }
    }

    async fn page(&self, db: &Db, limit: i64) -> Result<Vec<Link>, Error> {
        let parameters = vec![self.writer.as_str().into(), self.last.into(), limit.into()];
        db.select(OF_WRITER, parameters, Link::read).await
    }

    async fn has_more(&self, db: &Db) -> Result<bool, Error> {
        Ok(!self.page(db, 1).await?.is_empty())
    }

    async fn rows(&mut self, db: &Db) -> Result<(), Error> {
        loop {
            let after = self.last;
            let page = self.page(db, PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            let read = i64::try_from(page.len()).unwrap_or(i64::MAX);
            for row in page {
                self.row(row);
            }
            // A second row of a number that ends a page stands on no page.
            let range = [self.writer.as_str().into(), after.into(), self.last.into()];
            let there = db.find(COUNT, &range, |row| row.integer(0)).await?;
            if there.is_some_and(|there| there > read) {
                self.found
                    .push((What::Inserted, self.last, None, TWICE.to_owned()));
            }
        }
    }

    fn row(&mut self, row: Link) {
        self.read += 1;
        let (sequence, hash, id) = (row.sequence, row.hash.clone(), row.id.clone());
        if sequence <= self.last {
            self.found
                .push((What::Inserted, sequence, Some(id), TWICE.to_owned()));
            return;
        }
        let next = self.last.saturating_add(1);
        if sequence > next {
            self.gone(next, sequence - 1);
        } else if !row.follows(&self.previous, &self.writer, sequence) {
            self.broken.push((self.previous.clone(), sequence, row));
        }
        self.last = sequence;
        self.previous = hash;
        self.last_id = Some(id);
    }

    fn gone(&mut self, first: i64, last: i64) {
        let text = if first == last {
            format!("row {first} is gone")
        } else {
            format!("rows {first} to {last} are gone")
        };
        self.found.push((What::Removed, first, None, text));
    }

    /// The newest row must be the one that the writer's own row names.
    fn end(&mut self, now: &Writer) {
        let head = &now.head;
        if self.last < head.sequence {
            self.gone(self.last.saturating_add(1), head.sequence);
        } else if self.last > head.sequence {
            let text = "comes after the newest row that was written";
            self.found.push((
                What::Inserted,
                self.last,
                self.last_id.clone(),
                text.to_owned(),
            ));
        } else if self.previous != head.hash {
            let text = "is not the newest row that was written";
            self.found.push((
                What::Edited,
                self.last,
                self.last_id.clone(),
                text.to_owned(),
            ));
        }
    }

    fn tell(self, report: &mut Verification) {
        report.rows += self.read;
        let mut found = self.found;
        for (_, sequence, row) in &self.broken {
            // Of two rows with one number, and of one behind the newest, it is said already.
            if found
                .iter()
                .any(|it| it.0 == What::Inserted && it.1 == *sequence)
            {
                continue;
            }
            let written_at = written_at(&self.writer, *sequence, row, &self.broken);
            let (what, text) = match written_at {
                Some(at) => (What::Moved, format!("was written as row {at}")),
                None => (What::Edited, EDITED.to_owned()),
            };
            found.push((what, *sequence, Some(row.id.clone()), text));
        }
        found.sort_by_key(|it| it.1);
        for (what, sequence, id, text) in found {
            report.add(
                what,
                Some(&self.writer),
                Some(sequence),
                id.as_deref(),
                &text,
            );
        }
    }
}

/// At which other place that does not hold the row would, with its own hash or with the one that stands there.
fn written_at(
    writer: &str,
    sequence: i64,
    row: &Link,
    broken: &[(Hash, i64, Link)],
) -> Option<i64> {
    let columns = row.columns.as_ref()?;
    let near = broken.get(..broken.len().min(TRIED))?;
    let before = || {
        near.iter()
            .flat_map(|(previous, _, row)| [previous, &row.hash])
    };
    let is_there = |there: &Link, at: i64| {
        before().any(|previous| {
            let hash = chain::link(previous, writer, at, columns);
            hash == row.hash || hash == there.hash
        })
    };
    near.iter()
        .find(|(_, at, there)| *at != sequence && is_there(there, *at))
        .map(|(_, at, _)| *at)
}

const EDITED: &str =
    "does not follow the row before it: it was changed, exchanged or put in, or the row before was";
const TWICE: &str = "a second row of this number";
/// Rows that one query reads.
const PAGE: i64 = 1_000;
/// Broken rows among which an exchange is looked for: each is tried at the place of each.
const TRIED: usize = 48;
const COUNT: &str =
    "SELECT COUNT(*) FROM audit_event WHERE writer = $1 AND sequence > $2 AND sequence <= $3";
