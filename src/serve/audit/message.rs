//! An audit row as a syslog message (RFC 5424), framed by its length (RFC 5425 section 4.3.1).

use serde_json::{Value, json};
use storage::Outcome;
use storage::audit::ChainedRow;

/// Appends the framed message: what happened, and its place in the chain, as one JSON object.
pub(super) fn frame(row: &ChainedRow, hostname: &str, frames: &mut Vec<u8>) {
    let message = message(row, hostname);
    frames.extend_from_slice(format!("{} {message}", message.len()).as_bytes());
}

fn message(row: &ChainedRow, hostname: &str) -> String {
    let event = &row.row.event;
    let severity = match event.outcome {
        Outcome::Allowed => INFORMATIONAL,
        Outcome::Denied => WARNING,
    };
    let priority = LOG_AUDIT * 8 + severity;
    let message_id = printable(&event.action, 32);
    let hostname = printable(hostname, 255);
    let version = env!("CARGO_PKG_VERSION");
    let content = content(row);
    format!(
        "<{priority}>1 {} {hostname} vitalgate - {message_id} [origin software=\"vitalgate\" swVersion=\"{version}\"] {content}",
        event.at
    )
}

/// JSON escapes control characters: no row can begin another message.
fn content(row: &ChainedRow) -> Value {
    let mut content = serde_json::to_value(&row.row).unwrap_or_else(|_| json!({}));
    if let Some(members) = content.as_object_mut() {
        members.retain(|_, value| !value.is_null());
        members.insert("writer".to_owned(), row.writer.as_str().into());
        members.insert("sequence".to_owned(), row.sequence.into());
        members.insert("hash".to_owned(), row.hash.to_string().into());
    }
    content
}

/// A header field: printable ASCII without spaces, at most `longest` characters, `-` for nothing (RFC 5424 section 6).
fn printable(text: &str, longest: usize) -> String {
    let text: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(longest)
        .collect();
    if text.is_empty() {
        return "-".to_owned();
    }
    text
}

/// Facility 13 (RFC 5424 section 6.2.1, table 1).
const LOG_AUDIT: u8 = 13;
/// Severities (table 2).
const INFORMATIONAL: u8 = 6;
const WARNING: u8 = 4;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use storage::AuditEvent;
    use storage::audit::{AuditRow, Hash};

    fn row(outcome: Outcome, reason: Option<&str>) -> ChainedRow {
        let at = "2026-11-27T12:00:00.25Z".parse().unwrap();
        ChainedRow {
            row: AuditRow {
                id: "019ac3a0-0000-7000-8000-000000000001".to_owned(),
                event: AuditEvent {
                    reason: reason.map(str::to_owned),
                    ..AuditEvent::new(at, "vro", "resource-server", "bundle.read", outcome)
                },
            },
            writer: "a1".to_owned(),
            sequence: 7,
            hash: Hash::parse("0102").unwrap(),
        }
    }

    #[test]
    fn rfc5424_section_6() {
        let expected = "<110>1 2026-11-27T12:00:00.25Z vro.example vitalgate - bundle.read \
            [origin software=\"vitalgate\" swVersion=\"0.1.0\"] \
            {\"id\":\"019ac3a0-0000-7000-8000-000000000001\",\"at\":\"2026-11-27T12:00:00.25Z\",\"party\":\"vro\",\
            \"role\":\"resource-server\",\"action\":\"bundle.read\",\"outcome\":\"allowed\",\"writer\":\"a1\",\
            \"sequence\":7,\"hash\":\"0102\"}";
        assert_eq!(
            message(&row(Outcome::Allowed, None), "vro.example"),
            expected
        );
        assert!(
            message(&row(Outcome::Denied, None), "")
                .starts_with("<108>1 2026-11-27T12:00:00.25Z - ")
        );
    }

    #[test]
    fn a_row_begins_no_other_message() {
        let mut frames = Vec::new();
        frame(&row(Outcome::Denied, Some("a\r\n<0>1 é")), "h", &mut frames);
        let text = String::from_utf8(frames).unwrap();
        let (length, message) = text.split_once(' ').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), message.len());
        assert!(!message.contains(['\r', '\n']));
    }

    #[test]
    fn header_fields_are_printable_and_short() {
        assert_eq!(printable("a b\u{e9}\n", 32), "ab");
        assert_eq!(printable("", 32), "-");
        assert_eq!(printable(&"x".repeat(40), 32).len(), 32);
    }
}
