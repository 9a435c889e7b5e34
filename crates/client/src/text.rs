//! What a peer said, made fit to be shown: short, one line, printable.

use serde::Deserialize;

/// At most `most` characters of a peer's text, without control characters.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let mut shown: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        // Characters that turn the direction of the text could make it read as something else.
        .filter(|c| !matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .take(most)
        .collect();
    if text.chars().nth(most).is_some() {
        shown.push('…');
    }
    shown.trim().to_owned()
}

/// The text of the first issues of an OperationOutcome (FHIR R4), or nothing if it is none.
pub(crate) fn outcome(body: &[u8]) -> Option<String> {
    let outcome: Outcome = serde_json::from_slice(body).ok()?;
    let texts: Vec<String> = outcome
        .issue
        .iter()
        .take(MOST_ISSUES)
        .map(|issue| {
            // What is meant for people comes first; other servers have diagnostics only.
            let details = issue.details.as_ref().and_then(|d| d.text.as_deref());
            let text = details
                .or(issue.diagnostics.as_deref())
                .unwrap_or(&issue.code);
            shortened(text, LONGEST)
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    issue: Vec<OutcomeIssue>,
}

#[derive(Deserialize)]
struct OutcomeIssue {
    #[serde(default)]
    code: String,
    diagnostics: Option<String>,
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    text: Option<String>,
}

/// Enough to act on.
const MOST_ISSUES: usize = 3;
/// A line on a terminal or in a table.
pub(crate) const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn shown_text_is_short_and_printable() {
        assert_eq!(shortened("a\r\nb\u{1b}[31m", 20), "a  b [31m");
        assert_eq!(shortened("äöüß", 2), "äö…");
        assert_eq!(shortened("ab", 2), "ab");
        assert_eq!(shortened("a\u{202e}b", 9), "ab");
    }

    #[test]
    fn the_issues_of_an_outcome_are_told() {
        let body = br#"{"resourceType":"OperationOutcome","issue":[
            {"severity":"error","code":"business-rule","diagnostics":"jurisdictions disagree"},
            {"severity":"error","code":"invalid","diagnostics":"HAPI-0389","details":{"text":"no identifier"}},
            {"severity":"error","code":"required"},
            {"severity":"error","code":"value"}]}"#;
        let text = outcome(body).unwrap();
        assert_eq!(text, "jurisdictions disagree; no identifier; required");
        assert_eq!(outcome(b"<html>"), None);
        assert_eq!(outcome(b"{}"), None);
    }
}
