//! Rights in plain words, for the person who is asked to give them.

use oauth::{Permission, Scope};

use super::language::Language;

/// The words of a scope as sentences; one that is not known is shown as it is.
pub(crate) fn sentences(l: Language, scope: &Scope) -> Vec<String> {
    scope.tokens().map(|token| sentence(l, token)).collect()
}

/// `births, fetal deaths`.
pub(crate) fn record_types(l: Language, codes: &[String]) -> String {
    list(l, codes, |code| match code {
        "birth" => l.t("births"),
        "fetal-death" => l.t("fetal deaths"),
        other => other,
    })
}

/// `MA, NH`.
pub(crate) fn jurisdictions(l: Language, codes: &[String]) -> String {
    list(l, codes, |code| code)
}

/// `all of the organization`, `none`, or their identifiers.
pub(crate) fn facilities(l: Language, names: Option<&[String]>) -> String {
    match names {
        None => l.t("all of the organization").to_owned(),
        Some(names) => list(l, names, |name| name),
    }
}

/// `clerk`; one that is not known is shown as it is.
pub(crate) fn role(l: Language, role: &str) -> &str {
    if crate::ROLES.contains(&role) {
        return l.t(role);
    }
    role
}

/// `5 minutes`, `24 hours`; rounded up.
pub(crate) fn duration(l: Language, seconds: i64) -> String {
    let rounded = |unit: i64| (seconds + unit - 1) / unit;
    let (count, one, many) = match seconds.max(1) {
        1..=90 => (seconds.max(1), "1 second", "{} seconds"),
        91..=5_400 => (rounded(60), "1 minute", "{} minutes"),
        5_401..=172_800 => (rounded(3_600), "1 hour", "{} hours"),
        _ => (rounded(86_400), "1 day", "{} days"),
    };
    if count == 1 {
        return l.t(one).to_owned();
    }
    l.f(many, &[&count.to_string()])
}

fn list<'a>(l: Language, codes: &'a [String], word: impl Fn(&'a str) -> &'a str) -> String {
    let words: Vec<&str> = codes.iter().map(|code| word(code)).collect();
    if words.is_empty() {
        l.t("none").to_owned()
    } else {
        words.join(", ")
    }
}

fn sentence(l: Language, token: &str) -> String {
    match token {
        "administration.read" => {
            return l
                .t("See the people, clients, sessions and settings of this server")
                .to_owned();
        }
        "administration.write" => {
            return l
                .t("Change the people, clients, sessions and keys of this server")
                .to_owned();
        }
        "audit.read" => {
            return l
                .t("Read the audit: who did what, when and from where")
                .to_owned();
        }
        _ => {}
    }
    let verbs: Vec<&str> = verbs(token).into_iter().map(|verb| l.t(verb)).collect();
    let Some((last, first)) = verbs.split_last() else {
        return token.to_owned();
    };
    let what = match resource_type(token) {
        Some("Bundle") => l.t("birth and fetal death records"),
        Some("Composition") => l.t("the cover pages of records"),
        Some("AuditEvent") => l.t("the record of who did what"),
        Some("*") => l.t("everything"),
        other => other.unwrap_or_default(),
    };
    let verbs = if first.is_empty() {
        (*last).to_owned()
    } else {
        l.f("{} and {}", &[&first.join(", "), last])
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
    use Language::{English, Spanish};

    #[test]
    fn scopes_read_as_sentences() {
        let rows = [
            (
                "user/Bundle.rs",
                "Read and search for birth and fetal death records",
                "Leer y buscar actas de nacimiento y de muerte fetal",
            ),
            (
                "user/Bundle.c",
                "Submit birth and fetal death records",
                "Enviar actas de nacimiento y de muerte fetal",
            ),
            (
                "user/Composition.read",
                "Read and search for the cover pages of records",
                "Leer y buscar las portadas de las actas",
            ),
            (
                "system/*.cruds",
                "Submit, read, change, delete and search for everything",
                "Enviar, leer, cambiar, borrar y buscar todo",
            ),
            (
                "administration.read",
                "See the people, clients, sessions and settings of this server",
                "Ver las personas, los clientes, las sesiones y los ajustes de este servidor",
            ),
            (
                "administration.write",
                "Change the people, clients, sessions and keys of this server",
                "Cambiar las personas, los clientes, las sesiones y las claves de este servidor",
            ),
            (
                "audit.read",
                "Read the audit: who did what, when and from where",
                "Leer la auditoría: quién hizo qué, cuándo y desde dónde",
            ),
            ("openid", "openid", "openid"),
            (
                "user/Bundle.rs?identifier=1",
                "user/Bundle.rs?identifier=1",
                "user/Bundle.rs?identifier=1",
            ),
            ("<b>/x.rs", "<b>/x.rs", "<b>/x.rs"),
        ];
        for (token, english, spanish) in rows {
            assert_eq!(sentence(English, token), english);
            assert_eq!(sentence(Spanish, token), spanish);
        }
    }

    #[test]
    fn durations_read_as_words() {
        let rows = [
            (0, "1 second", "1 segundo"),
            (5, "5 seconds", "5 segundos"),
            (300, "5 minutes", "5 minutos"),
            (3_600, "60 minutes", "60 minutos"),
            (43_200, "12 hours", "12 horas"),
            (86_400, "24 hours", "24 horas"),
            (604_800, "7 days", "7 días"),
        ];
        for (seconds, english, spanish) in rows {
            assert_eq!(duration(English, seconds), english);
            assert_eq!(duration(Spanish, seconds), spanish);
        }
    }
}
