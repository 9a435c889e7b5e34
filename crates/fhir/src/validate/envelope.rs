//! The Bundles of a text: their entries, and where references lead (FHIR R4 bundle, sections 2.36.3
//! and 2.36.4; references, section 2.3.0.1).

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use crate::json::tree::{Kind, Node, Tree};
use crate::outcome::IssueCode;

use super::primitive::{is_id, is_uuid_urn};
use super::{Place, Report, references};

/// A Bundle, with its entries by their addresses.
pub(super) struct Envelope<'t> {
    pub(super) node: Node<'t>,
    /// FHIRPath of the Bundle.
    pub(super) path: String,
    /// The number of the outermost message that it is in.
    pub(super) message: Option<usize>,
    /// `Bundle.type`
    pub(super) kind: Cow<'t, str>,
    pub(super) entries: Vec<Entry<'t>>,
    by_full_url: HashMap<Cow<'t, str>, usize>,
    by_id: HashMap<(Cow<'t, str>, Cow<'t, str>), usize>,
}

/// One entry.
pub(super) struct Entry<'t> {
    pub(super) node: Node<'t>,
    pub(super) resource: Option<Node<'t>>,
    pub(super) resource_type: Cow<'t, str>,
    full_url: Option<Cow<'t, str>>,
    id: Option<Cow<'t, str>>,
    /// The ids of what the resource contains, once a reference asks.
    contained: OnceCell<HashSet<Cow<'t, str>>>,
}

/// Where a reference leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// To the entry with this number.
    Entry(usize),
    /// To the entry with this number, by type and id alone: its address is another one.
    Alike(usize),
    /// Within its own resource.
    Contained,
    /// To an address that is not in the Bundle.
    Elsewhere,
    /// Nowhere: what it names can only be in here, and is not.
    Nowhere,
    /// It is written like no reference.
    Malformed,
}

/// The rules of entries and references.
pub(super) fn check(_: &Tree<'_>, envelopes: &[Envelope<'_>], report: &mut Report) {
    for envelope in envelopes {
        let root = Place::root(&envelope.path);
        let entries = root.member("entry");
        envelope.check_addresses(&entries, report);
        for (at, entry) in envelope.entries.iter().enumerate() {
            let place = entries.index(at);
            envelope.check_entry(entry, &place, report);
            if envelope.holds_together() {
                envelope.check_references(entry, &place, report);
            }
        }
    }
}

impl<'t> Envelope<'t> {
    /// The Bundle that the root is, and those in it, from the outside in.
    pub(super) fn find_all(root: Node<'t>) -> Vec<Self> {
        let mut found = Vec::new();
        let mut open = vec![(root, "Bundle".to_owned(), None)];
        while let Some((node, path, message)) = open.pop() {
            if node.text_of("resourceType").as_deref() != Some("Bundle") {
                continue;
            }
            let envelope = Self::read(node, path, message);
            let itself = (envelope.kind == "message").then_some(found.len());
            for (at, entry) in envelope.entries.iter().enumerate().rev() {
                if let Some(resource) = entry.resource {
                    let path = format!("{}.entry[{at}].resource", envelope.path);
                    open.push((resource, path, message.or(itself)));
                }
            }
            found.push(envelope);
        }
        found
    }

    fn read(node: Node<'t>, path: String, message: Option<usize>) -> Self {
        let entries = node.get("entry").into_iter().flat_map(Node::elements);
        let entries: Vec<_> = entries.map(Entry::read).collect();
        let (mut by_full_url, mut by_id) = (HashMap::new(), HashMap::new());
        for (at, entry) in entries.iter().enumerate() {
            if let Some(full_url) = &entry.full_url {
                by_full_url.entry(full_url.clone()).or_insert(at);
            }
            if let Some(id) = &entry.id {
                let key = (entry.resource_type.clone(), id.clone());
                by_id.entry(key).or_insert(at);
            }
        }
        let kind = node.text_of("type").unwrap_or_default();
        Self {
            node,
            path,
            message,
            kind,
            entries,
            by_full_url,
            by_id,
        }
    }

    /// Whether its entries are one whole, and refer to one another.
    fn holds_together(&self) -> bool {
        matches!(self.kind.as_ref(), "document" | "message")
    }

    /// Where a reference in the resource of an entry leads.
    pub(super) fn resolve(&self, from: &Entry<'_>, reference: &str) -> Target {
        if let Some(id) = reference.strip_prefix('#') {
            return if id.is_empty() || from.contains(id) {
                Target::Contained
            } else {
                Target::Nowhere
            };
        }
        let plain = reference.split("/_history/").next().unwrap_or(reference);
        let entry = |full_url: &str| self.by_full_url.get(full_url).copied();
        if reference.contains("://") || reference.starts_with("urn:") {
            return match entry(reference).or_else(|| entry(plain)) {
                Some(at) => Target::Entry(at),
                None if reference.starts_with("urn:") => Target::Nowhere,
                None => Target::Elsewhere,
            };
        }
        let Some((kind, id)) = relative(plain) else {
            // `Patient?identifier=…`, which a server looks up (transactions).
            let conditional = reference.contains('?');
            return if conditional {
                Target::Elsewhere
            } else {
                Target::Malformed
            };
        };
        let base = from
            .full_url
            .as_deref()
            .filter(|full_url| full_url.len() <= MAX_ADDRESS)
            .and_then(|full_url| base(full_url, from));
        if let Some(at) = base.and_then(|base| entry(&format!("{base}{plain}"))) {
            return Target::Entry(at);
        }
        match self.by_id.get(&(kind.into(), id.into())) {
            Some(at) => Target::Alike(*at),
            None => Target::Elsewhere,
        }
    }

    /// bdl-7, and one id for one resource.
    fn check_addresses(&self, entries: &Place<'_>, report: &mut Report) {
        for (at, entry) in self.entries.iter().enumerate() {
            let place = entries.index(at);
            let start = entry.node.span().start;
            let first = |found: Option<&usize>| found.is_none_or(|first| *first == at);
            if let Some(full_url) = &entry.full_url
                && !first(self.by_full_url.get(full_url))
            {
                // Versions of one resource share it in a history.
                if self.kind != "history" {
                    let text = "has the fullUrl of another entry (bdl-7)";
                    report.error(IssueCode::Duplicate, text, start, &place);
                }
            } else if let Some(id) = &entry.id
                && self.holds_together()
                && !first(self.by_id.get(&(entry.resource_type.clone(), id.clone())))
            {
                let text = "has the id of another resource of its type in this Bundle";
                report.error(IssueCode::Duplicate, text, start, &place);
            }
        }
    }

    fn check_entry(&self, entry: &Entry<'_>, place: &Place<'_>, report: &mut Report) {
        let start = entry.node.span().start;
        let has = |name| entry.node.get(name).is_some();
        let kind = self.kind.as_ref();
        let mut invariant = |broken: bool, text| {
            if broken {
                report.error(IssueCode::Invariant, text, start, place);
            }
        };
        invariant(
            has("search") && kind != "searchset",
            "has a search, which only a searchset has (bdl-2)",
        );
        let requests = matches!(kind, "batch" | "transaction" | "history");
        invariant(
            has("request") && !requests,
            "has a request, which only a batch, transaction or history has (bdl-3)",
        );
        invariant(
            !has("request") && requests,
            "needs a request in a batch, transaction or history (bdl-3)",
        );
        let responses = matches!(kind, "batch-response" | "transaction-response" | "history");
        invariant(
            has("response") && !responses,
            "has a response, which only the answer to a batch or a history has (bdl-4)",
        );
        let empty = !has("resource") && !has("request") && !has("response");
        invariant(empty, "needs a resource (bdl-5)");
        let Some(full_url) = entry.full_url.as_deref() else {
            if self.holds_together() {
                let text = "has no fullUrl, and so nothing can refer to it for certain";
                report.warning(IssueCode::Required, text, start, place);
            }
            return;
        };
        let place = place.member("fullUrl");
        if full_url.contains("/_history/") {
            let text = "must not name a version (bdl-8)";
            report.error(IssueCode::Invariant, text, start, &place);
        }
        if full_url.starts_with("urn:uuid:") {
            if !is_uuid_urn(full_url) {
                let text = "must be a UUID in lower case behind urn:uuid:";
                report.warning(IssueCode::Value, text, start, &place);
            }
        } else if entry.id.is_some()
            && base(full_url, entry).is_none()
            && !full_url.starts_with("urn:")
        {
            let text = "does not end with the type and id of its resource";
            report.error(IssueCode::Invariant, text, start, &place);
        }
    }

    fn check_references(&self, entry: &Entry<'_>, place: &Place<'_>, report: &mut Report) {
        let Some(resource) = entry.resource else {
            return;
        };
        let place = place.member("resource");
        let composition = entry.resource_type == "Composition" && self.kind == "document";
        references::find(resource, &place, &mut |reference, place| {
            let Some(value) = reference.get("reference") else {
                return;
            };
            let (text, at) = (value.text().unwrap_or_default(), value.span().start);
            // What a document consists of is in it; only what it amends or replaces may be elsewhere.
            let path = place.to_string();
            let needed = composition && !path.contains(".relatesTo[")
                || entry.resource_type == "MessageHeader" && path.contains("].resource.focus[");
            match self.resolve(entry, &text) {
                Target::Entry(_) | Target::Contained => {}
                Target::Alike(_) => {
                    let text = "leads to an entry by type and id alone: the entry's fullUrl is another address";
                    report.warning(IssueCode::NotFound, text, at, place);
                }
                Target::Malformed => {
                    let text = "is a reference and must be written like one: Patient/1, an address, urn:uuid:… or #1";
                    report.error(IssueCode::Value, text, at, place);
                }
                Target::Nowhere => {
                    let text = "leads nowhere: nothing here has that address";
                    report.error(IssueCode::NotFound, text, at, place);
                }
                Target::Elsewhere if needed => {
                    let text = "leads to something that must be in this Bundle, and is not";
                    report.error(IssueCode::NotFound, text, at, place);
                }
                Target::Elsewhere if text.contains("://") => {}
                Target::Elsewhere => {
                    let text = "leads to something that is not in this Bundle";
                    report.warning(IssueCode::NotFound, text, at, place);
                }
            }
        });
    }
}

impl<'t> Entry<'t> {
    fn read(node: Node<'t>) -> Self {
        let resource = node
            .get("resource")
            .filter(|node| node.kind() == Kind::Object);
        let text = |name| resource.and_then(|resource| resource.text_of(name));
        Self {
            node,
            resource,
            resource_type: text("resourceType").unwrap_or_default(),
            full_url: node.text_of("fullUrl"),
            id: text("id"),
            contained: OnceCell::new(),
        }
    }

    /// Whether its resource contains one with this id.
    fn contains(&self, id: &str) -> bool {
        let ids = self.contained.get_or_init(|| {
            let contained = self.resource.and_then(|resource| resource.get("contained"));
            let contained = contained.into_iter().flat_map(Node::elements);
            contained.filter_map(|inner| inner.text_of("id")).collect()
        });
        ids.contains(id)
    }
}

/// The type and id of a relative reference.
fn relative(reference: &str) -> Option<(&str, &str)> {
    let (kind, id) = reference.split_once('/')?;
    let right = kind.starts_with(|first: char| first.is_ascii_uppercase())
        && kind.bytes().all(|byte| byte.is_ascii_alphabetic())
        && is_id(id);
    right.then_some((kind, id))
}

/// What stands before type and id in the address of an entry, if it ends with those of its resource.
fn base<'u>(full_url: &'u str, entry: &Entry<'_>) -> Option<&'u str> {
    let rest = full_url
        .strip_suffix(entry.id.as_deref()?)?
        .strip_suffix('/')?;
    let base = rest.strip_suffix(entry.resource_type.as_ref())?;
    base.ends_with('/').then_some(base)
}

/// Bytes of an address that relative references are put behind, each with a copy of its own.
const MAX_ADDRESS: usize = 2_048;
