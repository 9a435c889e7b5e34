//! What the reader of the file says of a mistake, with the name of the setting and in words for whoever writes it.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong: the setting first, and how it would be right. A value is not repeated where it can be
/// avoided: it may hold the password of the database.
pub(super) fn told(text: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    let said = match plain(message) {
        Some(plain) => plain,
        None => format!("{message}{}", suggestion(message)),
    };
    // What is unknown, missing or there twice has its name in the message.
    let named = ["unknown field", "missing field", "duplicate "];
    let span = error
        .span()
        .filter(|_| !named.iter().any(|it| message.starts_with(it)));
    match span.and_then(|span| setting(text, span.start)) {
        Some(name) if said.starts_with("must ") || said.starts_with("is ") => {
            format!("{name} {said}")
        }
        Some(name) => format!("{name}: {said}"),
        None => said,
    }
}

/// How a value of a wrong kind would be right; `None` for what is told in other words already.
fn plain(message: &str) -> Option<String> {
    if message == "invalid socket address syntax" {
        return Some(SOCKET_ADDRESS.to_owned());
    }
    let kind = ["invalid type: ", "invalid value: "];
    if !kind.iter().any(|it| message.starts_with(it)) {
        return None;
    }
    let (_, expected) = message.rsplit_once(", expected ")?;
    let most = |most: u64| format!("must be a whole number from 0 to {most}");
    Some(match expected {
        "u8" => most(u8::MAX.into()),
        "u16" => most(u16::MAX.into()),
        "u32" => most(u32::MAX.into()),
        "u64" | "usize" => "must be a whole number, 0 or more".to_owned(),
        "a boolean" => "must be true or false".to_owned(),
        "a string" | "path string" => "must be a text in quotation marks".to_owned(),
        "a sequence" => "must be a list in brackets".to_owned(),
        "socket address" => SOCKET_ADDRESS.to_owned(),
        "a map" => "must be a section".to_owned(),
        section if section.starts_with("struct ") => "must be a section".to_owned(),
        _ => return None,
    })
}

/// The key whose value stands at this place. None in a file that is no TOML.
fn setting(text: &str, at: usize) -> Option<String> {
    let table = DeTable::parse(text).ok()?;
    within(table.get_ref(), at)
}

fn within(table: &DeTable<'_>, at: usize) -> Option<String> {
    let mut all = table.iter();
    all.find_map(|(key, value)| of(key.get_ref(), value, at))
}

/// A section's lines stand outside of the place of its header, so what is in it is looked at first.
fn of(key: &str, value: &Spanned<DeValue<'_>>, at: usize) -> Option<String> {
    let inside = match value.get_ref() {
        DeValue::Table(table) => within(table, at),
        DeValue::Array(items) => items.iter().find_map(|item| of(key, item, at)),
        _ => None,
    };
    inside.or_else(|| value.span().contains(&at).then(|| key.to_owned()))
}

/// ``; did you mean `…`?`` for an unknown key that is nearly a known one.
fn suggestion(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let (true, Some(unknown)) = (message.starts_with("unknown "), names.next()) else {
        return String::new();
    };
    let nearest = names.map(|name| (distance(unknown, name), name)).min();
    match nearest {
        Some((distance, name)) if distance <= 2.max(unknown.len() / 3) => {
            format!("; did you mean `{name}`?")
        }
        _ => String::new(),
    }
}

/// How many letters must be put in, left out or changed to make one word of the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, a) in from.chars().enumerate() {
        let mut left = line + 1;
        let mut next = vec![left];
        for (b, above) in to.chars().zip(row.windows(2)) {
            let (diagonal, up) = match above {
                [diagonal, up] => (*diagonal, *up),
                _ => continue,
            };
            left = (left + 1).min(up + 1).min(diagonal + usize::from(a != b));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

const SOCKET_ADDRESS: &str = "must be an IP address and a port, such as 127.0.0.1:8443";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest_known_one() {
        let message = "unknown field `adress`, expected one of `address`, `internal_address`";
        assert_eq!(suggestion(message), "; did you mean `address`?");
        assert_eq!(suggestion("unknown field `qqqq`, expected `address`"), "");
        assert_eq!(suggestion("invalid type: `a` for `b`"), "");
        assert_eq!((distance("", "abc"), distance("kitten", "sitting")), (3, 3));
    }
}
