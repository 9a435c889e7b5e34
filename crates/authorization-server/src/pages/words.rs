//! Rights in plain words, for the person who is asked to give them.

use oauth::{Permission, Scope};

/// The words of a scope as sentences; one that is not known is shown as it is.
pub(super) fn sentences(scope: &Scope) -> Vec<String> {
    scope.tokens().map(sentence).collect()
}

/// `births, fetal deaths`.
pub(super) fn record_types(codes: &[String]) -> String {
    list(codes, |code| match code {
        "birth" => "births",
        "fetal-death" => "fetal deaths",
        other => other,
    })
}

/// `MA, NH`.
pub(super) fn jurisdictions(codes: &[String]) -> String {
    list(codes, |code| code)
}

/// `5 minutes`, `24 hours`; rounded up.
pub(super) fn duration(seconds: i64) -> String {
    match seconds.max(1) {
        1 => "1 second".to_owned(),
        seconds @ 2..=90 => format!("{seconds} seconds"),
        seconds if seconds <= 5_400 => counted(seconds, 60, "minute"),
        seconds if seconds <= 172_800 => counted(seconds, 3_600, "hour"),
        seconds => counted(seconds, 86_400, "day"),
    }
}

fn counted(seconds: i64, unit: i64, name: &str) -> String {
    let count = (seconds + unit - 1) / unit;
    if count == 1 {
        format!("1 {name}")
    } else {
        format!("{count} {name}s")
    }
}

fn list<'a>(codes: &'a [String], word: impl Fn(&'a str) -> &'a str) -> String {
    let words: Vec<&str> = codes.iter().map(|code| word(code)).collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

fn sentence(token: &str) -> String {
    let verbs = verbs(token);
    let Some((last, first)) = verbs.split_last() else {
        return token.to_owned();
    };
    let what = match resource_type(token) {
        Some("Bundle") => "birth and fetal death records",
        Some("Composition") => "the cover pages of records",
        Some("AuditEvent") => "the record of who did what",
        Some("*") => "everything",
        other => other.unwrap_or_default(),
    };
    let last = last.to_string();
    let verbs = if first.is_empty() {
        last
    } else {
        format!("{} and {last}", first.join(", "))
    };
    let mut sentence = format!("{verbs} {what}");
    if let Some(first) = sentence.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    sentence
}

fn verbs(token: &str) -> Vec<&'static str> {
    let (Some(resource_type), Ok(scope)) = (resource_type(token), Scope::parse(token)) else {
        return Vec::new();
    };
    let verbs = [
        (Permission::Create, "submit"),
        (Permission::Read, "read"),
        (Permission::Update, "change"),
        (Permission::Delete, "delete"),
        (Permission::Search, "search for"),
    ];
    let may = verbs
        .into_iter()
        .filter(|(verb, _)| scope.permits(resource_type, *verb));
    may.map(|(_, verb)| verb).collect()
}

fn resource_type(token: &str) -> Option<&str> {
    Some(token.split_once('/')?.1.split_once('.')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_as_sentences() {
        let rows = [
            (
                "user/Bundle.rs",
                "Read and search for birth and fetal death records",
            ),
            ("user/Bundle.c", "Submit birth and fetal death records"),
            (
                "user/Composition.read",
                "Read and search for the cover pages of records",
            ),
            (
                "system/*.cruds",
                "Submit, read, change, delete and search for everything",
            ),
            ("openid", "openid"),
            ("user/Bundle.rs?identifier=1", "user/Bundle.rs?identifier=1"),
            ("<b>/x.rs", "<b>/x.rs"),
        ];
        for (token, expected) in rows {
            assert_eq!(sentence(token), expected);
        }
    }

    #[test]
    fn durations_read_as_words() {
        let rows = [
            (0, "1 second"),
            (5, "5 seconds"),
            (300, "5 minutes"),
            (3_600, "60 minutes"),
            (43_200, "12 hours"),
            (86_400, "24 hours"),
            (604_800, "7 days"),
        ];
        for (seconds, expected) in rows {
            assert_eq!(duration(seconds), expected);
        }
    }
}
