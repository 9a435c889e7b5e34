//! What says that a social security number stands beside it: names, labels and URLs, however they are spelled.

use unicode_normalization::UnicodeNormalization;

use crate::json::tree::{Kind, Node};

use super::glyphs::{self, INVISIBLE};
use super::identifier::is_of_group;
use super::object::{any_text, is_value, texts};
use super::social_security::LEAST_DIGITS;
use super::{Group, Groups};

/// Whether an item of a questionnaire, a parameter, an extension or anything else with a value says that a
/// social security number stands in it.
pub(super) fn names_number(object: Node<'_>) -> bool {
    let mut resource = None;
    object.members().any(|member| {
        let values = || member.value.each();
        match member.name.as_ref() {
            "linkId" | "text" | "name" => {
                values().filter_map(Node::text).any(|said| names_one(&said))
            }
            "definition" | "url" => values()
                .filter_map(Node::text)
                .any(|url| names_one(behind_host(&url))),
            // How the label is to be shown is said beside it.
            "_linkId" | "_text" | "_name" => any_text(member.value, &mut names_one),
            "code" => values().any(concept_names_number),
            "extension" | "part" => {
                let is_resource = || object.get("resourceType").is_some();
                !*resource.get_or_insert_with(is_resource) && values().any(says_what_the_others_are)
            }
            _ => false,
        }
    })
}

/// Whether a part of an extension or a parameter says of which kind the others are.
fn says_what_the_others_are(part: Node<'_>) -> bool {
    let mut values = part.members().filter(|member| is_value(&member.name));
    values.any(|member| concept_names_number(member.value) || is_kind_of_number(member.value))
}

/// Whether a part's value is the system or the type of such an identifier.
fn is_kind_of_number(value: Node<'_>) -> bool {
    let ssn: Groups = [Group::Ssn].into_iter().collect();
    let system: Vec<_> = value.text().into_iter().collect();
    is_of_group(&system, Some(value), ssn)
}

/// Whether a text, a Coding or a CodeableConcept says it in words.
pub(super) fn concept_names_number(concept: Node<'_>) -> bool {
    concept_says(concept, names_one)
}

/// The same of the number of a chart or a provider.
pub(super) fn concept_names_chart(concept: Node<'_>) -> bool {
    concept_says(concept, names_chart)
}

pub(super) fn concept_says(concept: Node<'_>, is: impl Fn(&str) -> bool) -> bool {
    let said = |of: Node<'_>| {
        let mut said = texts(of, "text").chain(texts(of, "display"));
        said.any(|said| is(&said))
    };
    let mut codings = concept.get("coding").into_iter().flat_map(Node::each);
    match concept.kind() {
        Kind::Text => concept.text().is_some_and(|said| is(&said)),
        _ => said(concept) || codings.any(said),
    }
}

/// Whether a name says that the number of a chart or a provider stands beside it.
pub(super) fn names_chart(name: &str) -> bool {
    let spaced = spaced(name);
    let squeezed = spaced.replace(' ', "");
    CHARTS.iter().any(|said| squeezed.contains(said))
        || spaced
            .split_whitespace()
            .any(|word| word == "mrn" || word == "npi")
}

/// Whether a name says that a social security number stands beside it.
pub(super) fn names_one(name: &str) -> bool {
    let says = |name: &str| may_say_it(name) && is_said(name);
    if name.is_ascii() && !glyphs::is_encoded(name) {
        return says(name);
    }
    // Tags stand within words and between them.
    let shown: String = glyphs::shown(name).map(|glyph| glyph.seen).collect();
    let plain = |c: char| c.is_ascii() || c == INVISIBLE;
    let shown: String = if shown.chars().all(plain) {
        shown
    } else {
        shown.nfkc().collect()
    };
    says(name)
        || says(&shown.replace(glyphs::is_invisible, ""))
        || says(&shown.replace(INVISIBLE, " "))
}

/// Whether S, S and N, or S, O and C, follow one another among its letters and digits, or two S of which the first may
/// begin a word. Nearly no name has that, and every word for the number does.
fn may_say_it(name: &str) -> bool {
    let mut before = [0, 0];
    let (mut last, mut begins) = (b' ', false);
    name.bytes().any(|byte| {
        let old = std::mem::replace(&mut last, byte);
        if !byte.is_ascii_alphanumeric() {
            return false;
        }
        let small = byte.to_ascii_lowercase();
        let [first, second] = before;
        before = [second, small];
        let begun = std::mem::replace(
            &mut begins,
            !old.is_ascii_alphabetic() || old.is_ascii_lowercase() && byte.is_ascii_uppercase(),
        );
        matches!(
            (first, second, small),
            (b's', b's', b'n') | (b's', b'o', b'c')
        ) || begun && second == b's' && small == b's'
    })
}

fn is_said(name: &str) -> bool {
    let spaced = spaced(name);
    let squeezed = spaced.replace(' ', "");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    SOCIAL_SECURITY.iter().any(|said| squeezed.contains(said))
        || words.iter().copied().any(names_it)
        || (0..words.len()).any(|at| {
            begins_it(
                words.get(at..).unwrap_or_default(),
                at.checked_sub(1).and_then(|at| words.get(at)).copied(),
            )
        })
}

/// `ssn`, `mothersssn`, `ssnof`, `motherssnno`; not `hopelessness`.
fn names_it(word: &str) -> bool {
    word.starts_with("ssn")
        || word.ends_with("ssn")
        || word.contains("ssnn")
        || word.contains("ssnval")
}

/// Whether these words begin with `S.S.N.`, `SS No.` or `Social #`, or are `SS` and end there.
fn begins_it(words: &[&str], before: Option<&str>) -> bool {
    let number = |at: usize| {
        words.get(at).is_some_and(|word| {
            let itself = word.len() >= LEAST_DIGITS && word.bytes().all(|b| b.is_ascii_digit());
            itself || NUMBER.contains(word)
        })
    };
    if words.first() == Some(&"social") {
        return number(1);
    }
    if !words.first().is_some_and(|word| word.starts_with('s')) {
        return false;
    }
    (1..=3).any(|count| {
        let joined = words.get(..count).unwrap_or_default().concat();
        let seconds = before.is_some_and(|before| before == "mm");
        joined == "ssn" || joined == "ss" && !seconds && (number(count) || words.len() == count)
    })
}

/// The words of a name in small letters with spaces between them, also of one in camel case (`motherSSN`); digits are
/// words of their own.
pub(super) fn spaced(name: &str) -> String {
    let mut spaced = String::with_capacity(name.len() + 8);
    let mut before = ' ';
    for c in name.chars() {
        let digits = c.is_ascii_digit() != before.is_ascii_digit();
        if digits || c.is_uppercase() && before.is_lowercase() {
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
    spaced
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

const CHARTS: [&str; 3] = ["medicalrecord", "medicalrecnum", "provideridentifier"];

const NUMBER: [&str; 7] = ["number", "num", "no", "nr", "nbr", "nmbr", "numbers"];
