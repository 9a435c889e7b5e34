//! A stored resource as a read hands it out: every byte as received, but for `id`,
//! `meta.versionId` and `meta.lastUpdated`, which are the server's (FHIR R4 http, section 3.1.0.8).

use std::ops::Range;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The received bytes with the server's id, version and time in them.
///
/// Where a member is there its value is exchanged, and nothing else; where it is not, it is put in
/// directly behind the brace of its object. Numbers, order, white space, escapes and unknown members
/// stay as they are.
///
/// # Errors
/// If the bytes are no JSON object with a `resourceType`, or say one of the members twice, or `meta` is
/// no object.
pub fn read(
    received: &[u8],
    id: &str,
    version_id: &str,
    last_updated: Timestamp,
) -> Result<Vec<u8>, SpliceError> {
    let text = std::str::from_utf8(received).map_err(|_| SpliceError::NoResource)?;
    let resource: Resource<'_> = serde_json::from_str(text).map_err(|_| SpliceError::NoResource)?;
    // serde reads an array as a struct as well.
    if !text.trim_start().starts_with('{') {
        return Err(SpliceError::NoResource);
    }
    let (id, version) = (quoted(id), quoted(version_id));
    let time = format!("\"{last_updated:.3}\"");
    let Some(meta) = resource.meta else {
        let meta = format!("{{\"versionId\":{version},\"lastUpdated\":{time}}}");
        let edits = edits(text, text, [("id", resource.id, id), ("meta", None, meta)]);
        return Ok(apply(text, edits));
    };
    let object = meta.get();
    let meta: Meta<'_> = serde_json::from_str(object).map_err(|_| SpliceError::Meta)?;
    if !object.starts_with('{') {
        return Err(SpliceError::Meta);
    }
    let versions = [
        ("versionId", meta.version_id, version),
        ("lastUpdated", meta.last_updated, time),
    ];
    let mut all = edits(text, text, [("id", resource.id, id)]);
    all.extend(edits(text, object, versions));
    Ok(apply(text, all))
}

/// Why bytes cannot be spliced. Says nothing of their content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// No JSON object with a `resourceType` of its own.
    #[error("not a FHIR resource in JSON")]
    NoResource,
    /// `meta` cannot hold a version.
    #[error("the resource's meta is not an object")]
    Meta,
}

/// The members that matter, wherever they stand and however their names are escaped.
#[derive(Deserialize)]
struct Resource<'a> {
    /// Read only so that it must be there: what is put in before it needs its comma.
    #[serde(rename = "resourceType", borrow)]
    _resource_type: &'a RawValue,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    meta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    version_id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    last_updated: Option<&'a RawValue>,
}

/// A member that is there is there, `null` too: a second one beside it would be said twice.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// What comes instead of a range of the text.
struct Edit {
    range: Range<usize>,
    new: String,
}

/// Gives members of `object`, a part of `text`, new values: those that are there in their place, the
/// others together behind the brace.
fn edits<const N: usize>(
    text: &str,
    object: &str,
    members: [(&str, Option<&RawValue>, String); N],
) -> Vec<Edit> {
    let mut edits = Vec::with_capacity(N);
    let mut missing = Vec::with_capacity(N);
    for (name, old, new) in members {
        if let Some(old) = old {
            let start = offset(text, old.get());
            edits.push(Edit {
                range: start..start + old.get().len(),
                new,
            });
        } else {
            missing.push(format!("\"{name}\":{new}"));
        }
    }
    if !missing.is_empty() {
        let brace = object.find('{').map_or(0, |brace| brace + 1);
        let start = offset(text, object) + brace;
        let empty = object
            .get(brace..)
            .is_some_and(|rest| rest.trim_start().starts_with('}'));
        let new = missing.join(",") + if empty { "" } else { "," };
        edits.push(Edit {
            range: start..start,
            new,
        });
    }
    edits
}

/// Where `part`, which was borrowed from `whole`, begins in it.
fn offset(whole: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}

fn apply(text: &str, mut edits: Vec<Edit>) -> Vec<u8> {
    edits.sort_by_key(|edit| edit.range.start);
    let added: usize = edits.iter().map(|edit| edit.new.len()).sum();
    let mut spliced = Vec::with_capacity(text.len() + added);
    let mut done = 0;
    for edit in edits {
        spliced.extend_from_slice(
            text.get(done..edit.range.start)
                .unwrap_or_default()
                .as_bytes(),
        );
        spliced.extend_from_slice(edit.new.as_bytes());
        done = edit.range.end;
    }
    spliced.extend_from_slice(text.get(done..).unwrap_or_default().as_bytes());
    spliced
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
