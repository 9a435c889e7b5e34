#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn an_outcome_is_a_resource() {
    let issue = Issue::error(IssueCode::Required, "a document must have an identifier")
        .at("Bundle.identifier");
    let warning = Issue::warning(IssueCode::NotSupported, "ignored");
    let outcome = OperationOutcome::of(issue.clone(), [warning]);
    let value: serde_json::Value = serde_json::from_slice(&outcome.to_json()).unwrap();
    let expected = serde_json::json!({
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "required",
                "details": { "text": "a document must have an identifier" },
                "expression": ["Bundle.identifier"],
            },
            // FHIR has no empty arrays: no expression.
            { "severity": "warning", "code": "not-supported", "details": { "text": "ignored" } },
        ],
    });
    assert_eq!(value, expected);
    assert_eq!(outcome.to_value(), expected);
    assert_eq!(OperationOutcome::from(issue.clone()).issues(), [issue]);
}

#[test]
fn an_issue_reads_as_a_sentence() {
    let issue = Issue::information(IssueCode::Informational, "created");
    assert_eq!(issue.severity, Severity::Information);
    assert_eq!(issue.to_string(), "created");
    assert_eq!(issue.at("Bundle.id").to_string(), "created (Bundle.id)");
}

#[test]
fn an_issue_names_the_parameter_or_header_that_it_is_about() {
    let refusal = Refusal::new(400, IssueCode::Value, "no such date").of_http("_lastUpdated");
    assert_eq!(refusal.issue.expression, ["http._lastUpdated"]);
    let issue = Issue::error(IssueCode::Required, "missing").of_http("If-Match");
    let expected = serde_json::json!({
        "severity": "error",
        "code": "required",
        "details": { "text": "missing" },
        "location": ["http.If-Match"],
        "expression": ["http.If-Match"],
    });
    assert_eq!(serde_json::to_value(issue).unwrap(), expected);
}
