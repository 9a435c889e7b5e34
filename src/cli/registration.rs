//! How registrations are shown: as the administration API shows them, member by member.

use serde::Serialize;
use serde_json::Value;

/// A view as the object that is printed.
pub(super) fn shown(view: &impl Serialize) -> anyhow::Result<Value> {
    Ok(serde_json::to_value(view)?)
}

/// Several views.
pub(super) fn all_shown<T, V: Serialize>(
    items: &[T],
    view: impl Fn(&T) -> V,
) -> anyhow::Result<Vec<Value>> {
    items.iter().map(|item| shown(&view(item))).collect()
}
