//! What the members of an object say together, found out once: asking each member for all others would let
//! a sender spend our time by the square of his.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::json::tree::{Kind, Member, Node};

use super::identifier::withheld_identifier;
use super::label::names_number;
use super::{Group, Groups};

/// An object, and what decides over its members.
pub(super) struct Object<'t> {
    pub(super) members: Vec<Member<'t>>,
    /// Of an object with many members.
    names: Option<HashSet<Cow<'t, str>>>,
    /// `resourceType`
    pub(super) resource: Option<Cow<'t, str>>,
    /// An identifier of a withheld group.
    pub(super) identifier: bool,
    /// Its number is withheld, and something in it says that there is one.
    pub(super) number: bool,
    /// A Reference with words for people, which are mostly a name.
    pub(super) reference: bool,
    /// One of its members is a value.
    pub(super) valued: bool,
}

impl<'t> Object<'t> {
    pub(super) fn of(node: Node<'t>, groups: Groups) -> Self {
        let members: Vec<Member<'t>> = node.members().collect();
        let names = || members.iter().map(|member| member.name.clone());
        let names = (members.len() > FEW).then(|| names().collect());
        let has = |name: &&str| members.iter().any(|member| member.name == **name);
        let reference = has(&"reference") || !["system", "code", "coding"].iter().any(has);
        Self {
            resource: node.text_of("resourceType"),
            identifier: withheld_identifier(node, groups),
            number: groups.contains(Group::Ssn) && names_number(node),
            reference,
            valued: members.iter().any(|member| is_value(&member.name)),
            members,
            names,
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        match &self.names {
            Some(names) => names.contains(name),
            None => self.members.iter().any(|member| member.name == name),
        }
    }
}

/// `value` and `valueString`; not its companion with extensions.
pub(super) fn is_value(name: &str) -> bool {
    let begin = name.get(..5);
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case("value"))
}

/// The texts of a member, said once or several times.
pub(super) fn texts<'t>(
    node: Node<'t>,
    name: &str,
) -> impl Iterator<Item = Cow<'t, str>> + use<'t> {
    let values = node.get(name).into_iter().flat_map(Node::each);
    values.filter_map(Node::text)
}

/// All texts in a value, however deep.
pub(super) fn any_text(node: Node<'_>, is: &mut impl FnMut(&str) -> bool) -> bool {
    match node.kind() {
        Kind::Text => node.text().is_some_and(|text| is(&text)),
        Kind::Array => node.elements().any(|item| any_text(item, is)),
        Kind::Object => node.members().any(|member| any_text(member.value, is)),
        Kind::Null | Kind::Boolean | Kind::Number => false,
    }
}

/// Up to this many members comparing with each is faster than hashing.
const FEW: usize = 32;
