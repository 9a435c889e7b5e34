//! Makes every record findable that is not yet: from before there was an index, from a node of an older version, or
//! indexed under a record key that has been rotated away.

use fhir::Bundle;
use storage::{Error, Transaction, Work};

use crate::ResourceServer;
use crate::received::facility;
use crate::store::identifier;
use crate::store::record::{self, RecordHead};
use crate::store::search::{self, Entry};

impl ResourceServer {
    /// Indexes what no search finds; answers how many records that were. To be done before the first request: until
    /// then searches find less than there is. It may run on several nodes at once, and ends early without harm.
    ///
    /// # Errors
    /// [`storage::Error`] if the database fails. What was indexed until then stays so.
    pub async fn index_records(&self) -> Result<u64, Error> {
        let keys = &self.config().record_keys;
        identifier::seal_deleted(self.db(), keys).await?;
        let indexed_as = search::indexed_as(keys);
        let (mut after, mut indexed) = (String::new(), 0);
        while let Some(page) = search::outstanding(self.db(), &indexed_as, &after).await? {
            for id in page.ids {
                indexed += u64::from(self.index_record(&id).await?);
            }
            after = page.last;
        }
        Ok(indexed)
    }

    /// Whether the record could be read. One that cannot is no reason to keep all others from being found.
    async fn index_record(&self, id: &str) -> Result<bool, Error> {
        let found = record::find(self.db(), id).await;
        let Some(Some(stored)) = record::readable(id, found)? else {
            return Ok(false);
        };
        let opened = stored.open(&self.config().record_keys);
        let bundle = match &opened {
            Ok(record) => Bundle::parse(&record.body).ok(),
            Err(_) => None,
        };
        let (Ok(record), Some(bundle)) = (&opened, bundle) else {
            tracing::warn!(
                record = id,
                "a stored record cannot be read, and no search finds it"
            );
            return Ok(false);
        };
        let keys = &self.config().record_keys;
        let searchable = bundle.searchable();
        let mut head = record.head.clone();
        head.facts.facility = facility(&searchable);
        let identifier = bundle.into_index().identifier;
        head.identifier_value = identifier.map(|(_, value)| identifier::stored(keys, &value));
        let entry = Entry::of(&searchable, keys);
        let index = Index { head, entry };
        self.db().write(index).await
    }
}

/// Puts the entries of one version in place, if it is still the current one.
struct Index {
    head: RecordHead,
    entry: Entry,
}

impl Work for Index {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, Error> {
        record::reindex(tx, &self.head, &self.entry).await
    }
}
