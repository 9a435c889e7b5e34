//! Audit rows as lines of comma-separated values (RFC 4180), which people open in a spreadsheet.

use std::borrow::Cow;

use super::{AuditRow, Hash, PlacedRow};

/// The first line.
pub const CSV_HEADER: &str = "id,at,party,role,action,outcome,reason,client_id,subject,organization,jurisdiction,\
                              record_id,record_type,token_id,source_address,request_id\r\n";

/// The first line where rows have their places in the chain.
#[must_use]
pub fn csv_placed_header() -> String {
    CSV_HEADER.replace("\r\n", ",writer,sequence,hash\r\n")
}

/// One row as a line, its end included.
#[must_use]
pub fn csv_line(row: &AuditRow) -> String {
    line(row, [])
}

/// The same with its place in the chain.
#[must_use]
pub fn csv_placed_line(placed: &PlacedRow) -> String {
    let sequence = placed.sequence.map(|sequence| sequence.to_string());
    let hash = placed.hash.as_ref().map(Hash::to_string);
    let place = [
        placed.writer.as_deref(),
        sequence.as_deref(),
        hash.as_deref(),
    ];
    line(&placed.row, place)
}

fn line<const N: usize>(row: &AuditRow, place: [Option<&str>; N]) -> String {
    let event = &row.event;
    let at = event.at.to_string();
    let fields = [
        Some(row.id.as_str()),
        Some(&at),
        Some(&event.party),
        Some(event.role),
        Some(&event.action),
        Some(event.outcome.as_str()),
        event.reason.as_deref(),
        event.client_id.as_deref(),
        event.subject.as_deref(),
        event.organization.as_deref(),
        event.jurisdiction.as_deref(),
        event.record_id.as_deref(),
        event.record_type.as_deref(),
        event.token_id.as_deref(),
        event.source_address.as_deref(),
        event.request_id.as_deref(),
    ];
    let cells: Vec<_> = fields
        .into_iter()
        .chain(place)
        .map(|it| cell(it.unwrap_or("")))
        .collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell. What a spreadsheet would take for a formula is given an apostrophe: whoever was denied under a name of
/// his choice must not run anything on the auditor's machine.
fn cell(text: &str) -> Cow<'_, str> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let quoted = text.contains([',', '"', '\r', '\n']);
    if !formula && !quoted {
        return Cow::Borrowed(text);
    }
    let guard = if formula { "'" } else { "" };
    Cow::Owned(format!("\"{guard}{}\"", text.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::audit::{AuditEvent, Outcome};

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        let rows = [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("a=1", "a=1"),
        ];
        for (text, expected) in rows {
            assert_eq!(cell(text), expected);
        }
    }

    #[test]
    fn a_line_has_as_many_cells_as_the_header() {
        let at = "2026-11-27T12:00:00Z".parse().unwrap();
        let row = AuditRow {
            id: "1".to_owned(),
            event: AuditEvent {
                reason: Some("=cmd".to_owned()),
                ..AuditEvent::new(at, "vro", "shell", "user.add", Outcome::Denied)
            },
        };
        let line = csv_line(&row);
        assert_eq!(
            line,
            "1,2026-11-27T12:00:00Z,vro,shell,user.add,denied,\"'=cmd\",,,,,,,,,\r\n"
        );
        assert_eq!(line.matches(',').count(), CSV_HEADER.matches(',').count());
        let placed = PlacedRow {
            row,
            writer: Some("a1".to_owned()),
            sequence: Some(7),
            hash: Hash::parse("01fe"),
        };
        let line = csv_placed_line(&placed);
        assert!(line.ends_with(",,,,,,,,,a1,7,01fe\r\n"), "{line}");
        let header = csv_placed_header();
        assert!(header.ends_with(",request_id,writer,sequence,hash\r\n"));
        assert_eq!(line.matches(',').count(), header.matches(',').count());
        let unplaced = PlacedRow {
            writer: None,
            sequence: None,
            hash: None,
            ..placed
        };
        assert!(csv_placed_line(&unplaced).ends_with(",,,,,,,,,,,\r\n"));
    }
}
