//! The languages of the pages. The English text is the key; the files in `assets/es` hold the Spanish one beside it.

use std::collections::HashMap;
use std::sync::LazyLock;

use askama::filters::Safe;
use axum::http::{HeaderMap, header};

/// A language of the pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    English,
    Spanish,
}

impl Language {
    /// What the person has chosen here; else what the browser asks for (RFC 9110 section 12.5.4); else English.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        chosen(headers)
            .or_else(|| accepted(headers))
            .unwrap_or_default()
    }

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }

    pub(crate) fn parse(code: &str) -> Option<Self> {
        match code {
            "en" => Some(Self::English),
            "es" => Some(Self::Spanish),
            _ => None,
        }
    }

    /// The other one, which a page offers.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::English => Self::Spanish,
            Self::Spanish => Self::English,
        }
    }

    /// As its speakers call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Spanish => "Español",
        }
    }

    /// A text in this language.
    pub(crate) fn t(self, english: &str) -> &str {
        match self {
            Self::English => english,
            Self::Spanish => SPANISH
                .get(english)
                .copied()
                .unwrap_or_else(|| missing(english)),
        }
    }

    /// A text with values in the places of `{}`, in order.
    pub(crate) fn f(self, english: &str, values: &[&str]) -> String {
        let values = values.iter().map(|value| (*value).to_owned());
        fill(self.t(english), values)
    }

    /// A text that holds markup of ours, with values that are escaped.
    pub(crate) fn html(self, english: &str, values: &[&str]) -> Safe<String> {
        let values = values.iter().map(|value| escaped(value));
        Safe(fill(self.t(english), values))
    }
}

/// A text that nobody has translated reads in English.
#[cfg(not(test))]
fn missing(english: &str) -> &str {
    english
}

/// In tests it is a mistake.
#[cfg(test)]
#[expect(clippy::panic, reason = "tests")]
fn missing(english: &str) -> &str {
    panic!("no Spanish for: {english}")
}

fn fill(text: &str, mut values: impl Iterator<Item = String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut parts = text.split("{}");
    filled.push_str(parts.next().unwrap_or_default());
    for part in parts {
        filled.push_str(&values.next().unwrap_or_default());
        filled.push_str(part);
    }
    filled
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&#60;"),
            '>' => escaped.push_str("&#62;"),
            '&' => escaped.push_str("&#38;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The cookie that a choice is kept in. It says nothing about anybody and decides nothing.
pub(crate) const COOKIE: &str = "__Host-language";

fn chosen(headers: &HeaderMap) -> Option<Language> {
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, code) = pairs.find(|(name, _)| *name == COOKIE)?;
    Language::parse(code)
}

/// The best of ours by the weights that the browser gives; the first of equals.
fn accepted(headers: &HeaderMap) -> Option<Language> {
    let text = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best: Option<(f32, Language)> = None;
    for range in text.split(',').take(RANGES) {
        let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
        let code = tag.trim().split('-').next().unwrap_or_default();
        let weight: f32 = weight.trim().parse().unwrap_or(0.0);
        if let Some(language) = Language::parse(&code.to_ascii_lowercase())
            && weight > best.map_or(0.0, |(best, _)| best)
        {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

static SPANISH: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let pairs = CATALOGUES.iter().flat_map(|texts| texts.split("\n\n"));
    pairs
        .filter_map(|pair| pair.trim().split_once('\n'))
        .collect()
});

/// One file per area of the pages: a text, a line feed, its Spanish, an empty line.
const CATALOGUES: [&str; 5] = [
    include_str!("../../assets/es/pages.txt"),
    include_str!("../../assets/es/administration.txt"),
    include_str!("../../assets/es/passkeys.txt"),
    include_str!("../../assets/es/setup.txt"),
    include_str!("../../assets/es/single_sign_on.txt"),
];
/// No browser sends more; whoever does is not waited for.
const RANGES: usize = 20;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn what_the_browser_asks_for() {
        use Language::{English, Spanish};
        let rows = [
            ("es", Spanish),
            ("es-MX,es;q=0.9,en;q=0.8", Spanish),
            ("en-US,en;q=0.9,es;q=0.8", English),
            ("fr,de;q=0.9", English),
            ("fr,es;q=0.2,en;q=0.1", Spanish),
            ("ES-pr", Spanish),
            ("es;q=0", English),
            ("es;q=NaN", English),
            ("*", English),
            ("", English),
        ];
        for (text, expected) in rows {
            let found = Language::of(&headers(header::ACCEPT_LANGUAGE, text));
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(Language::of(&HeaderMap::new()), English);
    }

    #[test]
    fn a_choice_comes_before_the_browser() {
        let mut both = headers(header::ACCEPT_LANGUAGE, "es");
        both.insert(header::COOKIE, "a=b; __Host-language=en".parse().unwrap());
        assert_eq!(Language::of(&both), Language::English);
        both.insert(header::COOKIE, "__Host-language=xx".parse().unwrap());
        assert_eq!(Language::of(&both), Language::Spanish);
    }

    #[test]
    fn values_are_escaped_and_markup_is_not() {
        let text = Language::English.html("a <strong>{}</strong> b {}", &["<b>&\"'", "{}"]);
        assert_eq!(text.0, "a <strong>&#60;b&#62;&#38;&#34;&#39;</strong> b {}");
    }

    /// Every pair has as many places for values and the same markup in both languages.
    #[test]
    fn the_catalogue_is_in_order() {
        assert!(SPANISH.len() > 100);
        let marks = |text: &str| {
            let mut tags: Vec<String> = text
                .split('<')
                .skip(1)
                .filter_map(|tag| tag.split_once('>').map(|(tag, _)| tag.to_owned()))
                .collect();
            tags.sort();
            (text.matches("{}").count(), tags)
        };
        for (english, spanish) in SPANISH.iter() {
            assert_eq!(marks(english), marks(spanish), "{english}");
            assert!(!spanish.contains('\n'), "{english}");
        }
        let pairs = |texts: &&str| texts.trim().split("\n\n").count();
        let all: usize = CATALOGUES.iter().map(pairs).sum();
        assert_eq!(all, SPANISH.len(), "a text stands there twice");
    }

    /// Every text of a template has its Spanish, and every Spanish text is of use.
    #[test]
    fn the_templates_are_translated() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let read = |folder: &std::path::Path, ending: &str| {
            let mut texts = String::new();
            let mut open = vec![folder.to_owned()];
            while let Some(folder) = open.pop() {
                for entry in std::fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() {
                        open.push(path);
                    } else if path.to_string_lossy().ends_with(ending) {
                        texts.push_str(&std::fs::read_to_string(path).unwrap());
                    }
                }
            }
            texts
        };
        let templates = read(&folder.join("templates"), ".html");
        let mut found = 0;
        for call in ["l.t(\"", "l.f(\"", "l.html(\""] {
            for rest in templates.split(call).skip(1) {
                let key = rest
                    .split_once("\")")
                    .into_iter()
                    .chain(rest.split_once("\","));
                let key = key.map(|(key, _)| key).min_by_key(|key| key.len()).unwrap();
                assert!(SPANISH.contains_key(key), "no Spanish for: {key}");
                found += 1;
            }
        }
        assert!(found > 60, "{found}");
        let code = read(&folder.join("src"), ".rs").replace("\\\n", "");
        let code: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
        for english in SPANISH.keys() {
            let used = templates.contains(english) || code.contains(english);
            assert!(used, "nobody says: {english}");
        }
    }
}
