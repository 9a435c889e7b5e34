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
                "diagnostics": "a document must have an identifier",
                "expression": ["Bundle.identifier"],
            },
            // FHIR has no empty arrays: no expression.
            { "severity": "warning", "code": "not-supported", "diagnostics": "ignored" },
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
