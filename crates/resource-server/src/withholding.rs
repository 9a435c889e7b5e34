//! Which parts of records are withheld from whom: one pure decision out of the token's rights, and one place
//! through which every answer goes, so that no interaction can forget it.

mod page;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{ETAG, HeaderName};
use axum::response::Response;
use fhir::redact::{self, Group, Groups, RedactError, Redacted};
use fhir::{Interaction, Issue, IssueCode};
use http_body_util::BodyExt;

use self::page::LookedAt;
pub(crate) use self::page::Page;
use crate::access_decision::{Acting, Rights};
use crate::answer::{Failure, set};
use crate::aside;
use crate::config::IssuerLimits;
use crate::received::Received;
use crate::store::record::RecordHead;

/// What is withheld from some, and from whom.
#[derive(Debug, Clone, Default)]
pub struct Withholding {
    /// All rules count: what one withholds no other gives.
    pub rules: Vec<Rule>,
}

/// One rule. Without roles and scope it holds for everybody.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What is withheld.
    pub groups: Vec<Group>,
    /// Holds for people of these roles only. A rule with roles does not hold for programs.
    pub from_roles: Option<Vec<String>>,
    /// Does not hold for tokens with this word in their scope.
    pub unless_scope: Option<String>,
}

impl Withholding {
    /// What is withheld from a token with these rights, of an issuer with these limits.
    pub(crate) fn of(&self, rights: &Rights, limits: &IssuerLimits) -> Groups {
        self.rules
            .iter()
            .filter(|rule| rule.holds(rights, limits))
            .flat_map(|rule| rule.groups.iter().copied())
            .collect()
    }

    /// The words of scopes that open what is withheld, each once.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        let words = self
            .rules
            .iter()
            .filter_map(|rule| rule.unless_scope.as_deref());
        words.collect::<std::collections::BTreeSet<_>>().into_iter()
    }
}

impl Rule {
    fn holds(&self, rights: &Rights, limits: &IssuerLimits) -> bool {
        // The widest scope of an issuer is the most for these words too: else it could give its tokens any of them.
        let allowed = |word: &str| {
            let widest = limits.scope.as_ref();
            rights.scope.contains(word) && widest.is_none_or(|scope| scope.contains(word))
        };
        let excepted = self.unless_scope.as_deref().is_some_and(allowed);
        let meant = match (&self.from_roles, rights.acting) {
            (None, _) => true,
            (Some(roles), Acting::Person(Some(role))) => {
                roles.iter().any(|name| name == role.as_str())
            }
            (Some(_), Acting::Client) => false,
            // Nobody knows what a person without a known role may see.
            (Some(_), Acting::Person(None)) => true,
        };
        meant && !excepted
    }
}

/// Refuses what cannot be answered without what is withheld: the bytes as they were received.
///
/// # Errors
/// 403, before anything is looked up: it tells of the rule and of no record.
pub(crate) fn check(interaction: &Interaction, withheld: Groups) -> Result<(), Failure> {
    if matches!(interaction, Interaction::Original { .. }) && !withheld.is_empty() {
        let text = "parts of records are withheld from this token, and the received bytes have all of them";
        return Err(Failure::new(
            StatusCode::FORBIDDEN,
            IssueCode::Suppressed,
            text,
        ));
    }
    Ok(())
}

/// Takes what is withheld out of an answer, whatever interaction it is of. Whatever cannot be looked at does
/// not leave.
///
/// # Errors
/// 503 if the answer cannot be redacted.
pub(crate) async fn apply(response: Response, withheld: Groups) -> Result<Response, Failure> {
    let looked_at = response.extensions().get() == Some(&LookedAt(withheld));
    if withheld.is_empty() || looked_at || !response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let unreadable = || Failure::unavailable("an answer could not be redacted");
    let bytes = body.collect().await.map_err(|_| unreadable())?.to_bytes();
    if bytes.is_empty() {
        return Ok(Response::from_parts(parts, Body::empty()));
    }
    let redacted = aside::aside(bytes.len(), move || seen(&bytes, withheld)).await?;
    let Seen { bytes, has_gaps } = redacted.map_err(|_| unreadable())?;
    let mut response = Response::from_parts(parts, Body::from(bytes));
    if has_gaps {
        mark(&mut response);
    }
    Ok(response)
}

/// A resource without what is withheld. Made by [`seen`] only.
#[derive(Debug)]
pub(crate) struct Seen {
    bytes: Vec<u8>,
    has_gaps: bool,
}

impl Seen {
    /// Whether something is withheld from it.
    pub(crate) fn has_gaps(&self) -> bool {
        self.has_gaps
    }
}

/// Takes what is withheld out of a resource.
///
/// # Errors
/// If it cannot be looked at; then none of it may be shown.
pub(crate) fn seen(resource: &[u8], withheld: Groups) -> Result<Seen, RedactError> {
    let Redacted {
        bytes,
        withheld: gone,
    } = redact::redact(resource, withheld)?;
    // Out of a part something may have gone already when the whole was looked at.
    let has_gaps = gone || (!withheld.is_empty() && redact::is_redacted(&bytes)?);
    Ok(Seen { bytes, has_gaps })
}

/// A copy with gaps is another representation: its entity tag must not pass where the record's own is asked
/// for (`If-Match`), or an update would write the gaps into the record.
pub(crate) fn mark(response: &mut Response) {
    let tag = response
        .headers()
        .get(ETAG)
        .and_then(|tag| tag.to_str().ok());
    if let Some(tag) = tag.and_then(|tag| tag.strip_suffix('"')) {
        set(response, ETAG, &format!("{tag}{COPY}"));
    }
    for digest in DIGESTS {
        response.headers_mut().remove(digest);
    }
}

/// The entity tag of a version, or of its copy with gaps.
pub(crate) fn tag(head: &RecordHead, has_gaps: bool) -> String {
    let end = if has_gaps { COPY } else { "\"" };
    format!("W/\"{}{end}", head.version_id)
}

/// The tag of the record whose copy with gaps has this one.
pub(crate) fn without_gaps_mark(tag: &str) -> Option<String> {
    tag.strip_suffix(COPY).map(|tag| format!("{tag}\""))
}

/// Whether an answer with this body will have gaps.
///
/// # Errors
/// 503 if it cannot be redacted.
pub(crate) async fn has_gaps(body: &[u8], withheld: Groups) -> Result<bool, Failure> {
    if withheld.is_empty() {
        return Ok(false);
    }
    let body = body.to_vec();
    let seen = aside::aside(body.len(), move || seen(&body, withheld)).await?;
    let seen = seen.map_err(|_| Failure::unavailable("an answer could not be redacted"))?;
    Ok(seen.has_gaps)
}

/// Whether an entity tag is that of a copy with gaps.
pub(crate) fn is_tag_of_copy(tag: &str) -> bool {
    tag.ends_with(COPY)
}

/// A copy from which something was withheld must become no record, neither a new one nor another's next
/// version, whichever of its resources still says that it is one. From whom something is withheld, masks say so
/// as well: he may have taken the labels off. Others may send a record with masks of its sender's.
///
/// # Errors
/// 422 `business-rule`.
pub(crate) fn check_received(record: &Received, withheld: Groups) -> Result<(), Failure> {
    let gaps = record.gaps();
    let (text, at) = if gaps.labelled {
        let text = "this is a copy from which parts were withheld, and such a copy is no record";
        (text, "Bundle.meta.security")
    } else if gaps.masked && !withheld.is_empty() {
        let text = "values of it are masked, and whoever sees only a part of records cannot tell whether the record has them";
        (text, "Bundle")
    } else {
        return Ok(());
    };
    let issue = Issue::error(IssueCode::BusinessRule, text).at(at);
    Err(Failure::detailed(
        StatusCode::UNPROCESSABLE_ENTITY,
        issue,
        text,
    ))
}

/// How the entity tag of a copy with gaps ends.
const COPY: &str = "-redacted\"";

/// Digests of what was received (RFC 9530).
const DIGESTS: [HeaderName; 2] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];
