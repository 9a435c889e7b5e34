//! The references of a resource, each with its place.

use crate::json::tree::Node;

use super::Place;
use super::schema::{ElementType, Type};

/// Calls `found` with every Reference that stands in an element which the table knows, those of
/// contained resources included; a Bundle within is a world of its own.
pub(super) fn find<'t>(
    resource: Node<'t>,
    place: &Place<'_>,
    found: &mut impl FnMut(Node<'t>, &Place<'_>),
) {
    let name = resource.text_of("resourceType").unwrap_or_default();
    if name != "Bundle"
        && let Some(known) = Type::resource(&name)
    {
        within(resource, known, place, found);
    }
}

fn within<'t>(
    node: Node<'t>,
    known: &'static Type,
    place: &Place<'_>,
    found: &mut impl FnMut(Node<'t>, &Place<'_>),
) {
    for member in node.members() {
        // The extensions of a primitive refer to something as well.
        let (name, extensions) = match member.name.strip_prefix('_') {
            Some(rest) => (rest, true),
            None => (member.name.as_ref(), false),
        };
        let Some((element, of_type)) = known.element(name) else {
            continue;
        };
        let place = if element.is_choice() {
            place.choice(element.name, of_type.name())
        } else {
            place.member(element.name)
        };
        for (at, item) in member.value.each().enumerate() {
            let indexed = place.index(at);
            let place = if element.repeats { &indexed } else { &place };
            match of_type {
                _ if extensions => {
                    if let Some(known) = Type::find("Element") {
                        within(item, known, place, found);
                    }
                }
                ElementType::Primitive(..) => {}
                ElementType::Resource => find(item, place, found),
                ElementType::Complex(name) => {
                    if name == "Reference" {
                        found(item, place);
                    }
                    if let Some(known) = Type::find(name) {
                        within(item, known, place, found);
                    }
                }
            }
        }
    }
}
