#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn times(query: &str) -> (Option<String>, Option<String>) {
    let parameters = AuditParameters::parse(query).unwrap();
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    (text(parameters.since), text(parameters.until))
}

#[test]
fn dates_with_their_prefixes_and_precisions() {
    let rows = [
        (
            "date=2026",
            Some("2026-01-01T00:00:00Z"),
            Some("2027-01-01T00:00:00Z"),
        ),
        (
            "date=2026-11",
            Some("2026-11-01T00:00:00Z"),
            Some("2026-12-01T00:00:00Z"),
        ),
        (
            "date=eq2026-11-27",
            Some("2026-11-27T00:00:00Z"),
            Some("2026-11-28T00:00:00Z"),
        ),
        ("date=ge2026-11-27", Some("2026-11-27T00:00:00Z"), None),
        ("date=gt2026-11-27", Some("2026-11-28T00:00:00Z"), None),
        ("date=sa2026-11-27", Some("2026-11-28T00:00:00Z"), None),
        ("date=le2026-11-27", None, Some("2026-11-28T00:00:00Z")),
        ("date=lt2026-11-27", None, Some("2026-11-27T00:00:00Z")),
        ("date=eb2026-11-27", None, Some("2026-11-27T00:00:00Z")),
        (
            "date=2026-11-27T12:00Z",
            Some("2026-11-27T12:00:00Z"),
            Some("2026-11-27T12:01:00Z"),
        ),
        (
            "date=2026-11-27T12:00:05%2B01:00",
            Some("2026-11-27T11:00:05Z"),
            Some("2026-11-27T11:00:06Z"),
        ),
        (
            "date=ge2026-11-27T12:00:00.250Z",
            Some("2026-11-27T12:00:00.25Z"),
            None,
        ),
        (
            "date=ge2026-11-01&date=lt2026-11-05",
            Some("2026-11-01T00:00:00Z"),
            Some("2026-11-05T00:00:00Z"),
        ),
        (
            "date=ge2026-11-01&date=ge2026-11-03",
            Some("2026-11-03T00:00:00Z"),
            None,
        ),
        (
            "date=le2026-11-09&date=lt2026-11-05",
            None,
            Some("2026-11-05T00:00:00Z"),
        ),
    ];
    for (query, since, until) in rows {
        let expected = (since.map(str::to_owned), until.map(str::to_owned));
        assert_eq!(times(query), expected, "{query}");
    }
}

#[test]
fn what_cannot_be_read_or_is_not_offered_is_refused() {
    use IssueCode::{NotSupported, Value};
    let rows = [
        ("date=", Value),
        ("date=ge", Value),
        ("date=2026-13", Value),
        ("date=2026-02-30", Value),
        ("date=202", Value),
        ("date=2026-11-27T12:00:00", Value),
        ("date=2026-11-27T99:00Z", Value),
        ("date=%C3%A92026", NotSupported),
        ("date=ne2026", NotSupported),
        ("date=ap2026", NotSupported),
        ("action=X", Value),
        ("outcome=1", Value),
        ("outcome=allowed", Value),
        ("_id=a%2Fb", Value),
        ("entity=Patient/1", Value),
        ("agent=", Value),
        ("address=", Value),
        ("_count=-1", Value),
        ("_count=99999999999", Value),
        ("_cursor=x&_cursor=y", NotSupported),
        ("_cursor=x&_count=1", IssueCode::Invalid),
        ("action=R&_cursor=x", IssueCode::Invalid),
        ("_cursor=x&site=a", IssueCode::Invalid),
        ("_sort=date", NotSupported),
        ("action=R&action=C", NotSupported),
        ("agent=a&agent:identifier=b", NotSupported),
        ("_count=1&_count=2", NotSupported),
    ];
    for (query, code) in rows {
        let refusal = AuditParameters::parse(query).unwrap_err();
        assert_eq!((refusal.status, refusal.issue.code), (400, code), "{query}");
    }
}

#[test]
fn parameters_are_what_they_say() {
    let query = "_id=a1&action=R&outcome=4&agent:identifier=|ehr-api&address=192.0.2.7&entity=Bundle/r1&_count=5";
    let parameters = AuditParameters::parse(query).unwrap();
    assert_eq!(parameters.id.as_deref(), Some("a1"));
    assert_eq!(parameters.action, Some(ActionCode::Read));
    assert_eq!(parameters.outcome, Some(Some(false)));
    assert_eq!(parameters.agent.as_deref(), Some("ehr-api"));
    assert_eq!(parameters.entity.as_deref(), Some("r1"));
    assert_eq!(parameters.count, Some(5));
    let none = AuditParameters::parse("outcome=8").unwrap();
    assert_eq!(none.outcome, Some(None));
}

#[test]
fn the_address_of_a_page_says_the_same_search() {
    let parameters =
        AuditParameters::parse("date=ge2026-11&agent=a%26b&_sort=-date&_count=2").unwrap();
    let query = parameters.to_query(2);
    assert_eq!(query, "date=ge2026-11&agent=a%26b&_count=2");
    let next = AuditParameters::parse(&query).unwrap();
    assert_eq!(
        (next.since, next.agent),
        (parameters.since, parameters.agent)
    );
}

#[test]
fn what_is_not_offered_is_told_or_refused() {
    let parameters = AuditParameters::parse("site=x").unwrap();
    let told = parameters.ignored(Handling::Lenient).unwrap().unwrap();
    assert_eq!(told.code, IssueCode::NotSupported);
    let refused = parameters.ignored(Handling::Strict).unwrap_err();
    assert_eq!(refused.status, 400);
    let clean = AuditParameters::parse("_format=json").unwrap();
    assert_eq!(clean.ignored(Handling::Strict), Ok(None));
}
