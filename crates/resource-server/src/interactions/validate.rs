//! `POST Bundle/$validate` (FHIR R4 resource-operation-validate): what would be found wrong with a record, and
//! nothing stored.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use fhir::json::tree::{Node, Tree};
use fhir::validate::validate;
use fhir::{Issue, IssueCode, OperationOutcome};

use super::intake;
use crate::answer::{Failure, fhir_json};
use crate::aside;
use crate::exchange::Permitted;

/// Answers 200 with an OperationOutcome, whatever is found; 400 only if the body is no JSON.
pub(crate) async fn answer(permitted: Permitted<'_>, content: Body) -> Result<Response, Failure> {
    let bytes = intake::collect(&permitted, content).await?;
    let query = permitted
        .exchange
        .parts
        .uri
        .query()
        .unwrap_or_default()
        .to_owned();
    let outcome = aside::aside(bytes.len(), move || outcome(&bytes, &query)).await??;
    permitted.exchange.audit_allowed(None).await?;
    Ok(fhir_json(StatusCode::OK, outcome.to_json()))
}

/// What the operation was asked.
#[derive(Default)]
struct Asked<'t> {
    resource: Option<&'t [u8]>,
    modes: Vec<String>,
    /// A profile was named.
    profile: bool,
}

fn outcome(body: &[u8], query: &str) -> Result<OperationOutcome, Failure> {
    let tree = Tree::parse(body).map_err(|error| {
        let text = "the body is not well-formed JSON";
        Failure::detailed(StatusCode::BAD_REQUEST, error.into(), text)
    })?;
    let asked = Asked::read(&tree, body, query);
    let mut issues = Vec::new();
    if asked.profile {
        let text = "profiles are not checked here: structure and identity alone were";
        issues.push(Issue::warning(IssueCode::NotSupported, text));
    }
    match asked.modes.as_slice() {
        [] => issues.extend(asked.resource.map_or_else(missing, found)),
        [mode] if matches!(mode.as_str(), "create" | "update") => {
            issues.extend(asked.resource.map_or_else(missing, found));
        }
        // Whether a record may be deleted depends on nothing in it.
        [mode] if mode == "delete" => issues.extend(asked.resource.map(found).unwrap_or_default()),
        _ => {
            let text = "mode is one of create, update and delete, and given once";
            issues.push(Issue::error(IssueCode::NotSupported, text));
        }
    }
    let mut issues = issues.into_iter();
    let first = issues
        .next()
        .unwrap_or_else(|| Issue::information(IssueCode::Informational, "no problems were found"));
    Ok(OperationOutcome::of(first, issues))
}

impl<'t> Asked<'t> {
    /// The body is the resource, or Parameters that hold it; the URL may name a mode, too.
    fn read(tree: &Tree<'t>, body: &'t [u8], query: &str) -> Self {
        let mut asked = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "mode" => asked.modes.push(value.into_owned()),
                "profile" => asked.profile = true,
                _ => {}
            }
        }
        let root = tree.root();
        if root.text_of("resourceType").as_deref() != Some("Parameters") {
            asked.resource = Some(body);
            return asked;
        }
        let parameters = root.get("parameter").into_iter().flat_map(Node::elements);
        for parameter in parameters {
            match parameter.text_of("name").as_deref() {
                Some("resource") => {
                    let resource = parameter.get("resource");
                    asked.resource = resource.and_then(|resource| body.get(resource.span()));
                }
                Some("mode") => asked.modes.push(mode(parameter)),
                Some("profile") => asked.profile = true,
                _ => {}
            }
        }
        asked
    }
}

fn mode(parameter: Node<'_>) -> String {
    let value = parameter.text_of("valueCode");
    value.unwrap_or_default().into_owned()
}

fn missing() -> Vec<Issue> {
    let text = "there is nothing to check: send the Bundle, or Parameters with a resource";
    vec![Issue::error(IssueCode::Required, text).at("Parameters.parameter.where(name='resource')")]
}

/// Everything that is wrong with a record; if nothing is, whether it would be hosted.
fn found(record: &[u8]) -> Vec<Issue> {
    let findings = match validate(record) {
        Ok(findings) => findings,
        Err(error) => return vec![error.into()],
    };
    let errors = findings.has_errors();
    let mut issues = findings.into_issues();
    if !errors {
        issues.extend(intake::refusal(record));
    }
    issues
}
