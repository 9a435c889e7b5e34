//! What says that a social security number stands beside it: names, labels and URLs, however they are spelled.

use unicode_normalization::UnicodeNormalization;

use crate::json::tree::{Kind, Node};

use super::glyphs::{self, INVISIBLE};
use super::object::{any_text, is_value, texts};

/// Whether an item of a questionnaire, a parameter, an extension or anything else with a value says that a
/// social security number stands in it.
pub(super) fn names_number(object: Node<'_>) -> bool {
    ["linkId", "text", "name"]
        .iter()
        .any(|name| texts(object, name).any(|said| names_one(&said)))
        || ["definition", "url"]
            .iter()
            .any(|name| texts(object, name).any(|url| names_one(behind_host(&url))))
        // How the label is to be shown is said beside it.
        || ["_linkId", "_text", "_name"].iter().any(|name| {
            let beside = object.get(name);
            beside.is_some_and(|beside| any_text(beside, &mut names_one))
        })
        || object.get("code").is_some_and(|code| code.each().any(concept_names_number))
        || is_named_by_a_part(object)
}

/// Whether one of the parts of an extension or a parameter says of which kind the others are.
fn is_named_by_a_part(object: Node<'_>) -> bool {
    if object.get("resourceType").is_some() {
        return false;
    }
    let parts = ["extension", "part"].into_iter();
    let mut parts = parts
        .filter_map(|name| object.get(name))
        .flat_map(Node::each);
    parts.any(|part| {
        let mut values = part.members().filter(|member| is_value(&member.name));
        values.any(|member| concept_names_number(member.value))
    })
}

/// Whether a text, a Coding or a CodeableConcept says it in words.
pub(super) fn concept_names_number(concept: Node<'_>) -> bool {
    let said = |of: Node<'_>| {
        let mut said = texts(of, "text").chain(texts(of, "display"));
        said.any(|said| names_one(&said))
    };
    let mut codings = concept.get("coding").into_iter().flat_map(Node::each);
    match concept.kind() {
        Kind::Text => concept.text().is_some_and(|said| names_one(&said)),
        _ => said(concept) || codings.any(said),
    }
}

/// Whether a name says that a social security number stands beside it.
pub(super) fn names_one(name: &str) -> bool {
    // Nearly all names are done with here.
    let letter = |byte: &u8| matches!(byte, b's' | b'S');
    let markup = |byte: u8| !byte.is_ascii() || matches!(byte, b'<' | b'&' | b'%');
    if !name.bytes().any(markup) {
        return name.bytes().filter(letter).count() > 0 && is_said(name);
    }
    // Tags stand within words and between them.
    let shown: String = glyphs::shown(name).map(|glyph| glyph.seen).collect();
    let joined: String = shown.nfkc().filter(|c| !glyphs::is_invisible(*c)).collect();
    let spaced = shown.replace(INVISIBLE, " ");
    is_said(&joined) || is_said(&spaced) || is_said(name)
}

fn is_said(name: &str) -> bool {
    let words: Vec<String> = words(name).collect();
    let squeezed = words.concat();
    SOCIAL_SECURITY.iter().any(|said| squeezed.contains(said))
        || words
            .iter()
            .any(|word| word.starts_with("ssn") || word.ends_with("ssn"))
        || (0..words.len()).any(|at| {
            begins_it(
                words.get(at..).unwrap_or_default(),
                at.checked_sub(1).and_then(|at| words.get(at)),
            )
        })
}

/// Whether these words begin with `S.S.N.`, `SS No.` or `Social #`, or are `SS` and end there.
fn begins_it(words: &[String], before: Option<&String>) -> bool {
    let number = |at: usize| {
        let word = words.get(at).map(String::as_str);
        word.is_some_and(|word| NUMBER.contains(&word))
    };
    if words.first().is_some_and(|word| word == "social") {
        return number(1);
    }
    (1..=3).any(|count| {
        let joined = words.get(..count).unwrap_or_default().concat();
        let seconds = before.is_some_and(|before| before == "mm");
        joined == "ssn" || joined == "ss" && !seconds && (number(count) || words.len() == count)
    })
}

/// The words of a name in small letters, also of one in camel case (`motherSSN`).
pub(super) fn words(name: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::with_capacity(name.len() + 8);
    let mut before = ' ';
    for c in name.chars() {
        if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
            spaced.push(' ');
        }
        before = c;
        match c {
            '#' => spaced.push_str(" number "),
            '\'' | '\u{2019}' | '\u{2bc}' => {}
            c if c.is_alphanumeric() => spaced.push(c.to_ascii_lowercase()),
            _ => spaced.push(' '),
        }
    }
    let words: Vec<String> = spaced.split_whitespace().map(str::to_owned).collect();
    words.into_iter()
}

/// The last part of a URL, without its version.
pub(super) fn last_segment(url: &str) -> &str {
    let url = url.split('|').next().unwrap_or(url).trim();
    url.trim_end_matches('/').rsplit('/').next().unwrap_or(url)
}

/// A URL without its scheme and host, which name whose it is and not what. A name may stand anywhere in the
/// rest: before a version, or in the fragment.
pub(super) fn behind_host(url: &str) -> &str {
    let Some((_, rest)) = url.split_once("://") else {
        return url;
    };
    let end = rest.find(['/', '?', '#', '|']);
    end.and_then(|end| rest.get(end..)).unwrap_or(rest)
}

const SOCIAL_SECURITY: [&str; 4] = ["socialsec", "socsec", "socialscty", "socscty"];

const NUMBER: [&str; 7] = ["number", "num", "no", "nr", "nbr", "nmbr", "numbers"];
