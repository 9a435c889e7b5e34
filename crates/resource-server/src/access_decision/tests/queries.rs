//! Scope words with a query, against records.

use super::*;

/// A jurisdiction's birth report of Massachusetts of 2026.
fn record() -> RecordFacts {
    RecordFacts {
        composition_type: Some("92011-6".to_owned()),
        event_year: Some(2026),
        ..facts("A", None, "MA", BIRTH)
    }
}

fn read(scope: &str, widest: Option<&str>, kind: &str, record: &RecordFacts) -> Result<(), Denial> {
    let rights = rights(scope, Some("A"), "MA NJ", &[BIRTH, FETAL], OWN);
    let limits = IssuerLimits {
        scope: widest.map(|scope| Scope::parse(scope).unwrap()),
        ..IssuerLimits::none()
    };
    answer(&rights, &limits, (kind, READ), record)
}

const OTHER: Result<(), Denial> = Err(Denial::RecordScope);
const NOTHING: Result<(), Denial> = Err(Denial::InsufficientScope);

#[test]
fn a_query_permits_the_records_that_it_finds() {
    let rows: &[(&str, &str, Result<(), Denial>)] = &[
        ("composition.type=92011-6", "Bundle", Ok(())),
        (
            "composition.type=http://loinc.org|92011-6",
            "Bundle",
            Ok(()),
        ),
        (
            "composition.type=http%3A%2F%2Floinc.org%7C92011-6",
            "Bundle",
            Ok(()),
        ),
        ("composition.type=68998-4", "Bundle", OTHER),
        ("composition.type=68998-4,92011-6", "Bundle", Ok(())),
        ("composition.type=68998-4%2C92011-6", "Bundle", Ok(())),
        ("type=92011-6", "Composition", Ok(())),
        ("type=68998-4", "Composition", OTHER),
        ("jurisdiction=MA", "Bundle", Ok(())),
        ("jurisdiction=NJ", "Bundle", OTHER),
        ("jurisdiction=NJ,MA", "Composition", Ok(())),
        ("record-type=birth", "Bundle", Ok(())),
        ("record-type=fetal-death", "Bundle", OTHER),
        ("event-year=2026", "Bundle", Ok(())),
        ("event-year=2025", "Bundle", OTHER),
        ("event-year=2025,2026&jurisdiction=MA", "Bundle", Ok(())),
        ("event-year=2025&jurisdiction=MA", "Bundle", OTHER),
        // Two demands that nothing meets.
        ("jurisdiction=MA&jurisdiction=NJ", "Bundle", NOTHING),
    ];
    for (query, kind, expected) in rows {
        let scope = format!("system/{kind}.r?{query}");
        assert_eq!(read(&scope, None, kind, &record()), *expected, "{scope}");
        let any = format!("system/*.r?{query}");
        assert_eq!(read(&any, None, kind, &record()), *expected, "{any}");
    }
}

#[test]
fn a_query_that_cannot_be_decided_permits_nothing() {
    for query in [
        "identifier=urn:x|1",
        "_id=1",
        "type=92011-6",
        "composition.type:in=92011-6",
        "composition.type:not=68998-4",
        "composition.type",
        "composition.type=",
        "composition.type=64297-5",
        "composition.type=|92011-6",
        "composition.type=urn:x|92011-6",
        "composition.type=92011-6,",
        "jurisdiction=ma",
        "jurisdiction=XX",
        "jurisdiction=urn:x|MA",
        "jurisdiction=MA%00",
        "jurisdiction=%FF",
        "Jurisdiction=MA",
        "record-type=death",
        "event-year=ge2026",
        "event-year=26",
        "event-year=+2026",
        "jurisdiction=MA&identifier=1",
        "jurisdiction=MA&",
        "&jurisdiction=MA",
        "jurisdiction=MA&jurisdiction",
        "event-year=2001,2002,2003,2004,2005&jurisdiction=MA,NJ,NY,CT",
    ] {
        let scope = format!("system/Bundle.r?{query}");
        assert_eq!(read(&scope, None, "Bundle", &record()), NOTHING, "{scope}");
        // Beside it another word still counts.
        let beside = format!("{scope} system/Bundle.r?jurisdiction=MA");
        assert_eq!(read(&beside, None, "Bundle", &record()), Ok(()), "{beside}");
    }
    // Parts of records and audit rows are not found by these parameters.
    for kind in ["Patient", "AuditEvent", "Observation"] {
        let scope = format!("system/{kind}.r?jurisdiction=MA");
        assert_eq!(read(&scope, None, kind, &record()), NOTHING, "{scope}");
    }
}

proptest::proptest! {
    #[test]
    fn no_query_panics(query in "[ -~]{0,80}", tail in "[&=,%|a-z0-9-]{0,80}") {
        for query in [&query, &tail, &format!("jurisdiction=MA&{tail}")] {
            let found = Condition::read("Bundle", Some(query));
            proptest::prop_assert!(found.len() <= 16);
        }
    }
}

#[test]
fn what_is_not_known_of_a_record_meets_no_query() {
    let bare = facts("A", None, "MA", None);
    for query in [
        "composition.type=92011-6",
        "record-type=birth",
        "event-year=2026",
    ] {
        let scope = format!("system/Bundle.r?{query}");
        assert_eq!(read(&scope, None, "Bundle", &bare), OTHER, "{scope}");
    }
}

#[test]
fn the_widest_scope_narrows_by_its_queries_too() {
    let rows: &[(&str, &str, Result<(), Denial>)] = &[
        ("system/Bundle.r", "system/*.r?jurisdiction=MA", Ok(())),
        ("system/Bundle.r", "system/*.r?jurisdiction=NJ", OTHER),
        (
            "system/Bundle.r?jurisdiction=MA",
            "system/Bundle.rs",
            Ok(()),
        ),
        (
            "system/Bundle.r?jurisdiction=MA",
            "system/Bundle.r?event-year=2026",
            Ok(()),
        ),
        (
            "system/Bundle.r?jurisdiction=MA",
            "system/Bundle.r?event-year=2025",
            OTHER,
        ),
        (
            "system/Bundle.r?jurisdiction=MA",
            "system/Bundle.r?jurisdiction=NJ",
            NOTHING,
        ),
        (
            "system/Bundle.r?jurisdiction=MA",
            "system/Bundle.r?identifier=1",
            NOTHING,
        ),
        ("system/Bundle.r?jurisdiction=MA", "user/Bundle.r", NOTHING),
    ];
    for (scope, widest, expected) in rows {
        let answer = read(scope, Some(widest), "Bundle", &record());
        assert_eq!(answer, *expected, "{scope} within {widest}");
    }
}
