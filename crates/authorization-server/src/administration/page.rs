//! Lists in pages: an opaque cursor says where the next one begins.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Error;

/// Which part of a list.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// As the page before answered it; `None` is the first page.
    pub cursor: Option<String>,
    /// Items at most: 1 to 500.
    pub limit: Option<u32>,
}

/// A part of a list.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The same page of something else.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(each).collect(),
            next: self.next,
        }
    }
}

impl PageRequest {
    /// Everything that fits on one page.
    #[must_use]
    pub fn longest() -> Self {
        Self {
            cursor: None,
            limit: Some(LONGEST),
        }
    }

    pub(super) fn items(&self) -> Result<usize, Error> {
        let limit = self.limit.unwrap_or(USUAL);
        if !(1..=LONGEST).contains(&limit) {
            return Err(Error::invalid("limit", "must be 1 to 500"));
        }
        usize::try_from(limit).map_err(|_| Error::invalid("limit", "must be 1 to 500"))
    }

    /// The position after which the page begins.
    pub(super) fn position<P: DeserializeOwned>(&self) -> Result<Option<P>, Error> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        let read = BASE64_URL_SAFE_NO_PAD
            .decode(cursor)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .filter(|value| !has_control(value))
            .and_then(|value| serde_json::from_value(value).ok());
        match read {
            Some(position) => Ok(Some(position)),
            None => Err(Error::invalid("cursor", "is not one that this list gave")),
        }
    }
}

/// PostgreSQL takes no NUL in a text, and no list of ours gives a control character.
fn has_control(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(char::is_control),
        Value::Array(items) => items.iter().any(has_control),
        _ => false,
    }
}

/// Reads chunk after chunk until the page is full of items that `keep` keeps. `fetch` answers the items after a
/// position, in order, [`CHUNK`] at most.
pub(super) async fn page<T, P, F>(
    request: &PageRequest,
    fetch: impl Fn(Option<P>) -> F,
    position: impl Fn(&T) -> P,
    keep: impl Fn(&T) -> bool,
) -> Result<Page<T>, Error>
where
    P: Serialize + DeserializeOwned,
    F: Future<Output = Result<Vec<T>, storage::Error>>,
{
    let limit = request.items()?;
    let mut after: Option<P> = request.position()?;
    let mut items: Vec<T> = Vec::new();
    loop {
        let chunk = fetch(after.take()).await?;
        let last = chunk.len() < CHUNK;
        after = chunk.last().map(&position);
        for item in chunk.into_iter().filter(|item| keep(item)) {
            if items.len() == limit {
                let next = items.last().map(|item| cursor(&position(item)));
                return Ok(Page { items, next });
            }
            items.push(item);
        }
        if last {
            return Ok(Page { items, next: None });
        }
    }
}

fn cursor(position: &impl Serialize) -> String {
    // A position is a text or a number with a text: it is always written.
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).unwrap_or_default())
}

const USUAL: u32 = 50;
const LONGEST: u32 = 500;
/// Rows that one query reads.
pub(crate) const CHUNK: usize = 500;
