//! Withholds especially sensitive parts of a record: bytes in, bytes out, all other bytes as they were.
//!
//! What is withheld and what stays is in the tables of `elements`. A value goes and says that it did
//! (`data-absent-reason` of `masked`), so that the rest is still FHIR and nobody takes "withheld" for
//! "unknown". Narrative, the answers of questionnaires and attachments repeat anything, and so they go with
//! any group. The ids that a sender chose stay, because references lead to them.

mod elements;
mod plan;
mod social_security;

use std::fmt;
use std::ops::Range;

use serde::Deserialize;

use crate::json::tree::{Kind, Member, Node, Tree};

use plan::{Context, Fate};
pub(crate) use social_security::Numbers;

/// A group of parts that a policy may withhold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Social security numbers, wherever they stand.
    Ssn,
    /// Numbers of charts, encounters and providers.
    MedicalRecordNumber,
    /// Names, birth dates, addresses and birthplaces of people.
    Names,
    /// Infections, infertility treatment, smoking, pregnancy history, anomalies, cause of fetal death.
    StigmaSensitiveHealth,
    /// Marital status, paternity, race and ethnicity, education, work, WIC, payer.
    SocialAndLegal,
    /// What NCHS coded: race and ethnicity, industry and occupation, cause of fetal death.
    Coded,
}

/// Several groups, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Groups(u8);

/// Withholds `groups` from a resource and those in it. What nothing is withheld from comes back as it was;
/// each resource that something is withheld from, or from one in it, has `meta.security` REDACTED (FHIR R4
/// security-labels).
///
/// # Errors
/// If the text cannot be looked at as a whole; then none of it may be shown.
pub fn redact(text: &[u8], groups: Groups) -> Result<Redacted, RedactError> {
    if groups.is_empty() {
        return Ok(Redacted::unchanged(text));
    }
    let tree = Tree::parse(text).map_err(|_| RedactError)?;
    let root = tree.root();
    if root.text_of("resourceType").is_none() {
        return Err(RedactError);
    }
    let numbers = if groups.contains(Group::Ssn) {
        Numbers::of(root)
    } else {
        Numbers::default()
    };
    let mut redactor = Redactor {
        groups,
        numbers,
        edits: Vec::new(),
    };
    redactor.value(root, Context::default());
    if redactor.edits.is_empty() {
        return Ok(Redacted::unchanged(text));
    }
    Ok(Redacted {
        bytes: apply(tree.text(), redactor.edits),
        withheld: true,
    })
}

/// Whether an identifier is a social security number by its system or its type (the JSON of it).
pub(crate) fn is_social_security_number(system: Option<&str>, kind: Option<&str>) -> bool {
    let tree = kind.map(|kind| Tree::parse(kind.as_bytes()));
    let kind = match &tree {
        None => None,
        Some(Ok(tree)) => Some(tree.root()),
        // What cannot be told is withheld.
        Some(Err(_)) => return true,
    };
    plan::is_of_group(system, kind, [Group::Ssn].into_iter().collect())
}

/// A resource without what is withheld.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// The resource.
    pub bytes: Vec<u8>,
    /// Whether anything is withheld.
    pub withheld: bool,
}

/// The text is no resource, or too large to be looked at. Says nothing of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the resource cannot be redacted")]
pub struct RedactError;

/// Whether a resource, or any in it, is a copy from which something was withheld: such a copy must never
/// become a record. What is too large to be looked at was never handed out as a copy either.
#[must_use]
pub fn is_redacted(text: &[u8]) -> bool {
    Tree::parse(text).is_ok_and(|tree| holds_label(tree.root()))
}

fn holds_label(node: Node<'_>) -> bool {
    let labels = node.get("security").into_iter().flat_map(Node::each);
    let mut labels = labels.filter(|_| node.kind() == Kind::Object);
    labels.any(is_label)
        || node.members().any(|member| holds_label(member.value))
        || node.elements().any(holds_label)
}

fn is_label(coding: Node<'_>) -> bool {
    let code = coding.text_of("code");
    code.is_some_and(|code| code.trim().eq_ignore_ascii_case(REDACTED))
}

impl Group {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::Ssn,
        Self::MedicalRecordNumber,
        Self::Names,
        Self::StigmaSensitiveHealth,
        Self::SocialAndLegal,
        Self::Coded,
    ];

    /// The name in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssn => "ssn",
            Self::MedicalRecordNumber => "medical-record-number",
            Self::Names => "names",
            Self::StigmaSensitiveHealth => "stigma-sensitive-health",
            Self::SocialAndLegal => "social-and-legal",
            Self::Coded => "coded",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Groups {
    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        Group::ALL.into_iter().collect()
    }

    /// Whether this group is one of them.
    #[must_use]
    pub fn contains(self, group: Group) -> bool {
        self.0 & (1 << group as u8) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These and others.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether there is another group than this one.
    fn beyond(self, group: Group) -> bool {
        self.0 & !(1 << group as u8) != 0
    }
}

impl FromIterator<Group> for Groups {
    fn from_iter<I: IntoIterator<Item = Group>>(groups: I) -> Self {
        Self(
            groups
                .into_iter()
                .fold(0, |all, group| all | 1 << group as u8),
        )
    }
}

impl Redacted {
    fn unchanged(text: &[u8]) -> Self {
        Self {
            bytes: text.to_vec(),
            withheld: false,
        }
    }
}

/// What comes instead of a range of the text.
struct Edit {
    range: Range<usize>,
    new: String,
}

struct Redactor {
    groups: Groups,
    numbers: Numbers,
    /// They do not overlap: nothing is looked for in what goes.
    edits: Vec<Edit>,
}

impl Redactor {
    fn value(&mut self, node: Node<'_>, context: Context) {
        match node.kind() {
            Kind::Object => match plan::whole(node, context, self.groups) {
                Some(new) => self.replace(node.span(), new),
                None => self.object(node, context),
            },
            Kind::Array => node.elements().for_each(|item| self.value(item, context)),
            Kind::Text => {
                let text = node.text().unwrap_or_default();
                let new = if holds_file(&text) {
                    Some(FILE.to_owned())
                } else {
                    self.numbers.masked(&text)
                };
                if let Some(new) = new {
                    self.replace(node.span(), serde_json::Value::from(new).to_string());
                }
            }
            Kind::Number if self.numbers.is_one(node.raw()) => {
                self.replace(node.span(), "0".to_owned());
            }
            Kind::Number | Kind::Boolean | Kind::Null => {}
        }
    }

    /// An object; a resource from which something goes says so (R4 lets no contained one, dom-5).
    fn object(&mut self, node: Node<'_>, context: Context) {
        let before = self.edits.len();
        self.members(node, context);
        let labelled = !context.contained && node.text_of("resourceType").is_some();
        // One that was looked at before, as a part of another, has its label already.
        if labelled && (self.edits.len() > before || holds_label(node)) {
            self.label(node, before);
        }
    }

    fn members(&mut self, node: Node<'_>, context: Context) {
        let context = context.within(node, self.groups);
        let members: Vec<(Member<'_>, Fate)> = node
            .members()
            .map(|member| {
                let fate = if self.numbers.masked(&member.name).is_some() {
                    Fate::Drop
                } else {
                    plan::fate(node, &member, context, self.groups)
                };
                (member, fate)
            })
            .collect();
        if !members.is_empty() && members.iter().all(|(_, fate)| *fate == Fate::Drop) {
            return self.replace(
                node.span(),
                format!("{{\"extension\":[{}]}}", plan::masked_extension()),
            );
        }
        for (member, fate) in &members {
            match fate {
                Fate::Keep => self.value(member.value, context.below(&member.name)),
                Fate::Replace(new) => {
                    self.replace(member.start..member.value.span().end, new.clone());
                }
                Fate::Drop => {}
            }
        }
        self.drop_members(&members);
        if let Some(more) = plan::added(node, context) {
            let start = node.span().start + 1;
            self.replace(start..start, format!("{more},"));
        }
    }

    /// Takes members out, each with the comma that goes with it. One at least stays.
    fn drop_members(&mut self, members: &[(Member<'_>, Fate)]) {
        let stays = |(_, fate): &(Member<'_>, Fate)| *fate != Fate::Drop;
        let last = members.iter().rposition(stays).unwrap_or_default();
        for (at, (member, fate)) in members.iter().enumerate() {
            let next = members.get(at + 1).map(|(next, _)| next.start);
            if *fate == Fate::Drop
                && at < last
                && let Some(next) = next
            {
                self.replace(member.start..next, String::new());
            }
        }
        // Those behind the last that stays go at once, with the comma behind it.
        if let Some((kept, _)) = members.get(last)
            && let Some((end, _)) = members.get(last + 1..).and_then(<[_]>::last)
        {
            self.replace(kept.value.span().end..end.value.span().end, String::new());
        }
    }

    /// `meta.security` of a resource whose edits begin with number `first`.
    fn label(&mut self, resource: Node<'_>, first: usize) {
        let label = format!("{{\"system\":\"{OBSERVATION_VALUE}\",\"code\":\"{REDACTED}\"}}");
        let put = |node: Node<'_>| node.span().start + 1..node.span().start + 1;
        let Some(meta) = self.kept(resource, "meta", first) else {
            let meta = format!("\"meta\":{{\"security\":[{label}]}},");
            return self.replace(put(resource), meta);
        };
        // What is no `meta` of FHIR, or became something else, has no place for a label.
        if meta.kind() != Kind::Object || self.is_replaced(meta, first) {
            return self.exchange(meta, format!("{{\"security\":[{label}]}}"), first);
        }
        let Some(security) = self.kept(meta, "security", first) else {
            let comma = if meta.members().next().is_none() {
                ""
            } else {
                ","
            };
            return self.replace(put(meta), format!("\"security\":[{label}]{comma}"));
        };
        if security.kind() != Kind::Array {
            return self.exchange(security, format!("[{label}]"), first);
        }
        if !security.elements().any(is_label) {
            let comma = if security.elements().next().is_none() {
                ""
            } else {
                ","
            };
            self.replace(put(security), format!("{label}{comma}"));
        }
    }

    /// The value of a member that does not go.
    fn kept<'t>(&self, object: Node<'t>, name: &str, first: usize) -> Option<Node<'t>> {
        let member = object.members().find(|member| member.name == name)?;
        let mut edits = self.edits.iter().skip(first);
        let goes = edits.any(|edit| edit.range.contains(&member.start));
        (!goes).then_some(member.value)
    }

    fn is_replaced(&self, node: Node<'_>, first: usize) -> bool {
        let mut edits = self.edits.iter().skip(first);
        edits.any(|edit| edit.range == node.span())
    }

    /// Puts a text in the place of a value, whatever was to be done within it.
    fn exchange(&mut self, node: Node<'_>, new: String, first: usize) {
        let span = node.span();
        let mut number = 0;
        self.edits.retain(|edit| {
            number += 1;
            number <= first || edit.range.start < span.start || edit.range.end > span.end
        });
        self.replace(span, new);
    }

    fn replace(&mut self, range: Range<usize>, new: String) {
        self.edits.push(Edit { range, new });
    }
}

fn apply(text: &str, mut edits: Vec<Edit>) -> Vec<u8> {
    // What is put in comes before what is taken out at the same place.
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut redacted = Vec::with_capacity(text.len());
    let mut done = 0;
    for edit in edits {
        let kept = text.get(done..edit.range.start).unwrap_or_default();
        redacted.extend_from_slice(kept.as_bytes());
        redacted.extend_from_slice(edit.new.as_bytes());
        done = done.max(edit.range.end);
    }
    redacted.extend_from_slice(text.get(done..).unwrap_or_default().as_bytes());
    redacted
}

/// A URL that is itself the file (RFC 2397), which nobody looks into.
fn holds_file(text: &str) -> bool {
    let scheme = text.trim_start().get(..DATA.len());
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(DATA)) && text.contains(',')
}

const DATA: &str = "data:";

/// What stands in place of such a URL.
const FILE: &str = "urn:redacted";

/// The security label of a resource from which something was withheld.
pub const REDACTED: &str = "REDACTED";
/// Its code system.
pub const OBSERVATION_VALUE: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

#[cfg(test)]
mod tests;
