#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::Permission::{Create, Delete, Read, Search, Update};
use super::*;

fn scope(text: &str) -> Scope {
    if text.is_empty() {
        Scope::default()
    } else {
        Scope::parse(text).unwrap()
    }
}

#[test]
fn rfc6749_section_3_3() {
    let read = scope("openid system/Bundle.rs openid !#[]~");
    assert_eq!(read.to_string(), "openid system/Bundle.rs !#[]~");
    assert!(read.contains("openid") && !read.contains("Openid") && !read.contains("open"));
    assert_eq!(scope("a b"), scope("b a"));
    assert_ne!(scope("a b"), scope("a"));
    assert_ne!(scope("a"), scope("a b"));
}

#[test]
fn malformed() {
    for text in [
        "",
        " ",
        " a",
        "a ",
        "a  b",
        "a\tb",
        "a\nb",
        "a\"b",
        "a\\b",
        "caf\u{e9}",
        "a\u{7f}",
        "a\0",
    ] {
        let error = Scope::parse(text).unwrap_err();
        assert_eq!(
            (error.code(), error.description()),
            (ErrorCode::InvalidScope, "the scope is malformed")
        );
    }
    assert!(Scope::parse(&"a".repeat(8 * 1024)).is_ok());
    let error = Scope::parse(&"a".repeat(8 * 1024 + 1)).unwrap_err();
    assert_eq!(
        (error.code(), error.description()),
        (ErrorCode::InvalidScope, "the scope is too long")
    );
}

#[test]
fn what_words_permit() {
    let rows: &[(&str, &str, &[Permission])] = &[
        (
            "system/Bundle.cruds",
            "Bundle",
            &[Create, Read, Update, Delete, Search],
        ),
        ("system/Bundle.rs", "Bundle", &[Read, Search]),
        ("user/Bundle.c", "Bundle", &[Create]),
        ("user/Bundle.ud", "Bundle", &[Update, Delete]),
        ("system/*.r", "Bundle", &[Read]),
        ("system/Bundle.read", "Bundle", &[Read, Search]),
        ("system/Bundle.write", "Bundle", &[Create, Update, Delete]),
        (
            "user/*.*",
            "Composition",
            &[Create, Read, Update, Delete, Search],
        ),
        ("system/Bundle.r system/Bundle.c", "Bundle", &[Create, Read]),
        ("system/Bundle.rs", "Composition", &[]),
        ("system/Bundle.rs", "bundle", &[]),
        ("system/Bundle.rs", "*", &[]),
        // What cannot be decided by type and interaction alone is not counted.
        ("patient/Bundle.cruds", "Bundle", &[]),
        ("patient/*.*", "Bundle", &[]),
        ("system/Bundle.rs?identifier=x|y", "Bundle", &[]),
    ];
    for (text, resource_type, expected) in rows {
        let scope = scope(text);
        for permission in [Create, Read, Update, Delete, Search] {
            let permits = scope.permits(resource_type, permission);
            assert_eq!(
                permits,
                expected.contains(&permission),
                "{text} {resource_type} {permission:?}"
            );
        }
    }
}

/// What each word permits to whom, with its query.
#[test]
fn words_count_for_whom_they_are_meant() {
    use super::Actor::{Client, Person};
    let rows: &[(&str, Actor, &[Option<&str>])] = &[
        ("system/Bundle.rs", Client, &[None]),
        ("system/Bundle.rs", Person, &[]),
        ("user/Bundle.rs", Person, &[None]),
        ("user/Bundle.rs", Client, &[]),
        ("patient/Bundle.rs", Person, &[]),
        ("patient/Bundle.rs", Client, &[]),
        ("user/Bundle.rs system/Bundle.c", Client, &[]),
        ("system/*.read", Client, &[None]),
        ("system/Bundle.rs?a=b&c=d", Client, &[Some("a=b&c=d")]),
        ("system/Bundle.rs?a=b", Person, &[]),
        ("system/*.r?a system/Bundle.r", Client, &[Some("a"), None]),
    ];
    for (text, actor, expected) in rows {
        let scope = scope(text);
        let words: Vec<Option<&str>> = scope.permitting(*actor, "Bundle", Read).collect();
        assert_eq!(words, *expected, "{text} {actor:?}");
    }
}

#[test]
fn words_that_are_not_quite_smarts_permit_nothing() {
    for text in [
        "system:Bundle.read",
        "system/Bundle",
        "system/Bundle.",
        "system/Bundle.sr",
        "system/Bundle.rr",
        "system/Bundle.rx",
        "system/Bundle.Read",
        "system/Bundle.READ",
        "system/Bundle.r.s",
        "system/Bundle.r/s",
        "system/Bundle.rs?",
        "system/Bundle.read?a=b",
        "system/Bundle.*?a=b",
        "system/Bundle.reads",
        "system/bundle.rs",
        "system/Bund-le.rs",
        "system/*Bundle.rs",
        "system/**.rs",
        "system/.rs",
        "System/Bundle.rs",
        "/Bundle.rs",
        "system//Bundle.rs",
        "Bundle.rs",
        "openid",
        "offline_access",
        "*",
    ] {
        for permission in [Create, Read, Update, Delete, Search] {
            assert!(!scope(text).permits("Bundle", permission), "{text}");
        }
        // Such a word is one among others: granted if registered, to the letter.
        assert_eq!(
            Scope::granted(&scope(text), &scope(text)),
            scope(text),
            "{text}"
        );
        assert!(
            Scope::granted(&scope(text), &scope("system/*.cruds")).is_empty(),
            "{text}"
        );
    }
}

#[test]
fn what_is_granted() {
    for (requested, registered, granted) in [
        ("system/Bundle.r", "system/Bundle.cruds", "system/Bundle.r"),
        (
            "system/Bundle.cruds",
            "system/Bundle.rs",
            "system/Bundle.rs",
        ),
        ("system/Bundle.cruds", "system/*.rs", "system/Bundle.rs"),
        ("system/*.cruds", "system/Bundle.rs", "system/Bundle.rs"),
        (
            "system/*.rs",
            "system/Bundle.cr user/Group.s",
            "system/Bundle.r",
        ),
        (
            "system/*.rs",
            "system/Bundle.r system/*.s",
            "system/Bundle.r system/*.s",
        ),
        ("system/*.rs", "system/Bundle.r system/*.rs", "system/*.rs"),
        (
            "system/Bundle.rs",
            "system/Bundle.r system/*.s",
            "system/Bundle.rs",
        ),
        (
            "system/Bundle.rs",
            "system/Bundle.r?a=b",
            "system/Bundle.r?a=b",
        ),
        (
            "system/Bundle.rs?a=b",
            "system/Bundle.r",
            "system/Bundle.r?a=b",
        ),
        (
            "system/Bundle.rs?a=b",
            "system/Bundle.rs?a=b",
            "system/Bundle.rs?a=b",
        ),
        ("system/Bundle.rs?a=b", "system/Bundle.rs?a=c", ""),
        ("system/Bundle.rs", "user/Bundle.rs", ""),
        ("system/Bundle.c", "system/Bundle.rs", ""),
        ("system/Bundle.rs", "system/Composition.rs", ""),
        ("patient/Bundle.rs", "patient/*.rs", "patient/Bundle.rs"),
        ("patient/Bundle.rs", "user/Bundle.rs system/Bundle.rs", ""),
        // The request's spelling stays as long as it can say what is granted.
        (
            "system/Bundle.read",
            "system/Bundle.cruds",
            "system/Bundle.read",
        ),
        ("system/Bundle.rs", "system/Bundle.read", "system/Bundle.rs"),
        ("system/Bundle.*", "system/Bundle.rs", "system/Bundle.read"),
        ("system/Bundle.*", "system/Bundle.cruds", "system/Bundle.*"),
        ("system/Bundle.read", "system/Bundle.r", "system/Bundle.r"),
        ("system/*.read", "system/Bundle.rs", "system/Bundle.read"),
        (
            "system/Bundle.read",
            "system/Bundle.rs?a=b",
            "system/Bundle.rs?a=b",
        ),
        ("openid offline_access", "openid", "openid"),
        ("openid", "OpenID", ""),
        (
            "system/Bundle.r a",
            "a system/Bundle.r b",
            "system/Bundle.r a",
        ),
        ("a", "", ""),
        (
            "system/Bundle.rs system/Bundle.r",
            "system/Bundle.r",
            "system/Bundle.r",
        ),
    ] {
        let result = Scope::granted(&scope(requested), &scope(registered));
        assert_eq!(result.to_string(), granted, "{requested} of {registered}");
    }
}

#[test]
fn within() {
    for (inner, outer, expected) in [
        ("system/Bundle.r", "system/*.cruds", true),
        ("system/Bundle.read", "system/Bundle.rs", true),
        (
            "system/Bundle.rs a",
            "a system/Bundle.r system/Bundle.s",
            true,
        ),
        ("", "a", true),
        ("system/Bundle.cruds", "system/Bundle.rs", false),
        ("system/Bundle.rs a", "system/Bundle.rs", false),
        ("system/*.rs", "system/Bundle.rs", false),
        ("system/Bundle.r", "system/Bundle.r?a=b", false),
    ] {
        assert_eq!(
            scope(inner).is_within(&scope(outer)),
            expected,
            "{inner} in {outer}"
        );
    }
}

/// One thing that can be done: context, type, query and letter. A word without a query means every
/// query; `Other` stands for the types that no word names.
type Deed = (&'static str, &'static str, &'static str, char);

const CONTEXTS: [&str; 3] = ["patient", "user", "system"];
const TYPES: [&str; 3] = ["Bundle", "Composition", "Other"];
const QUERIES: [&str; 3] = ["", "a=1", "b=2"];

/// What a scope means, told in the dullest way there is.
fn meaning(scope: &Scope) -> BTreeSet<Deed> {
    let mut deeds = BTreeSet::new();
    for word in scope.tokens() {
        let Some((context, rest)) = word.split_once('/') else {
            continue;
        };
        let (resource_type, rest) = rest.split_once('.').unwrap();
        let (letters, query) = rest.split_once('?').unwrap_or((rest, ""));
        let letters = match letters {
            "read" => "rs",
            "write" => "cud",
            "*" => "cruds",
            letters => letters,
        };
        for context in CONTEXTS.into_iter().filter(|it| *it == context) {
            for named in TYPES
                .into_iter()
                .filter(|it| resource_type == "*" || *it == resource_type)
            {
                for asked in QUERIES
                    .into_iter()
                    .filter(|it| query.is_empty() || *it == query)
                {
                    deeds.extend(
                        letters
                            .chars()
                            .map(|letter| (context, named, asked, letter)),
                    );
                }
            }
        }
    }
    deeds
}

fn any_scope() -> impl Strategy<Value = Scope> {
    let v2 = "(system|user|patient)/(Bundle|Composition|\\*)\\.(c?r?u?ds|c?rs?|c?r?u|cruds)(\\?(a=1|b=2))?";
    let v1 = "(system|user)/(Bundle|Composition|\\*)\\.(read|write|\\*)";
    let word = prop_oneof![4 => v2, 2 => v1, 1 => "openid|offline_access|system:Bundle\\.read"];
    proptest::collection::vec(word, 0..6).prop_map(|words| scope(&words.join(" ")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn exactly_what_both_permit_is_granted(requested in any_scope(), registered in any_scope()) {
        let granted = Scope::granted(&requested, &registered);
        let both: BTreeSet<Deed> =
            meaning(&requested).intersection(&meaning(&registered)).copied().collect();
        prop_assert_eq!(meaning(&granted), both, "{} of {} is {}", requested, registered, granted);
        for word in granted.tokens().filter(|word| !word.contains('/')) {
            prop_assert!(requested.contains(word) && registered.contains(word));
        }
    }

    #[test]
    fn granting_again_changes_nothing(requested in any_scope(), registered in any_scope()) {
        let granted = Scope::granted(&requested, &registered);
        prop_assert!(Scope::granted(&granted, &registered) == granted);
        prop_assert!(granted.is_within(&registered) && granted.is_within(&requested));
    }

    #[test]
    fn permits_what_it_means(scope in any_scope()) {
        for (letter, permission) in [('c', Create), ('r', Read), ('u', Update), ('d', Delete), ('s', Search)] {
            // The empty query alone stands for a word without one: those with a query permit
            // nothing.
            let means = |context| meaning(&scope).contains(&(context, "Bundle", "", letter));
            prop_assert_eq!(scope.permits("Bundle", permission), means("user") || means("system"));
        }
    }

    #[test]
    fn what_is_written_is_read(scope in any_scope().prop_filter("not empty", |it| !it.is_empty())) {
        prop_assert_eq!(Scope::parse(&scope.to_string()).unwrap(), scope);
    }

    #[test]
    fn no_input_panics(text in ".*") {
        if let Ok(scope) = Scope::parse(&text) {
            let _ = (Scope::granted(&scope, &scope), scope.permits("Bundle", Read));
        }
    }
}

#[test]
fn words_of_sensitive_parts_have_one_shape() {
    for word in ["sensitive/ssn", "sensitive/stigma-sensitive-health"] {
        assert!(Scope::is_sensitive(word), "{word}");
    }
    for word in [
        "sensitive",
        "sensitive/",
        "sensitive/SSN",
        "sensitive/a/b",
        "sensitive/*",
        "ssn",
        "user/ssn",
    ] {
        assert!(!Scope::is_sensitive(word), "{word}");
    }
}
