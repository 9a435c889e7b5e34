//! What comes instead of which part of the text.

use std::ops::Range;

use crate::json::tree::{Kind, Member, Node, Tree};

use super::glyphs::holds_file;
use super::object::Object;
use super::plan::{self, Context, Fate};
use super::{Groups, Numbers, OBSERVATION_VALUE, REDACTED, holds_label, is_label};

/// What comes instead of a range of the text.
struct Edit {
    range: Range<usize>,
    new: String,
}

/// Goes through a tree and gathers what comes instead of what.
pub(super) struct Redactor {
    groups: Groups,
    numbers: Numbers,
    /// They do not overlap: nothing is looked for in what goes.
    edits: Vec<Edit>,
}

impl Redactor {
    pub(super) fn new(groups: Groups, numbers: Numbers) -> Self {
        Self {
            groups,
            numbers,
            edits: Vec::new(),
        }
    }

    /// The text without what is withheld; `None` if that is nothing.
    pub(super) fn redact(mut self, tree: &Tree<'_>) -> Option<Vec<u8>> {
        self.value(tree.root(), Context::default());
        (!self.edits.is_empty()).then(|| apply(tree.text(), self.edits))
    }

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
                    self.numbers.masked_at(&text, context.place())
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
        let object = Object::of(node, self.groups);
        let members: Vec<(&Member<'_>, Fate)> = object
            .members
            .iter()
            .map(|member| {
                let fate = if self.numbers.masked(&member.name).is_some() {
                    Fate::Drop
                } else {
                    plan::fate(&object, member, context, self.groups)
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
    fn drop_members(&mut self, members: &[(&Member<'_>, Fate)]) {
        let stays = |(_, fate): &(&Member<'_>, Fate)| *fate != Fate::Drop;
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
        // Those of the resource alone: there may be many resources before it.
        let own = self.edits.split_off(first);
        let outside = |edit: &Edit| edit.range.start < span.start || edit.range.end > span.end;
        self.edits.extend(own.into_iter().filter(outside));
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

/// What stands in place of a URL that is itself the file.
const FILE: &str = "urn:redacted";
