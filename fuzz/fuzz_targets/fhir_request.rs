//! FHIR requests: path and query, search parameters, `If-None-Exist`, `Accept`, `Prefer`.
//! Two lines: the path, the query.
#![no_main]

use fhir::audit_event::AuditParameters;
use fhir::interaction::{
    Document, HistoryParameters, Interaction, ResourceType, is_id, part_id, part_of,
};
use fhir::search::{Criterion, IfNoneExist, Parameters, Period, Token};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some([path, query]) = vitalgate_fuzz::lines(data) else {
        return;
    };
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE"] {
        if let Ok(interaction) = Interaction::parse(method, path, Some(query)) {
            reaches_no_other_place(&interaction);
        }
    }
    for resource_type in [ResourceType::Bundle, ResourceType::Composition] {
        if let Ok(search) = Parameters::parse(resource_type, query) {
            link_is_the_same_search(resource_type, &search);
        }
    }
    if let Ok(Document::Search(search)) = fhir::search::parse_query(query) {
        assert!(
            search.criteria.contains(&Criterion::Document),
            "a message would be answered"
        );
    }
    let _ = fhir::search::parse_posted("", query.as_bytes());
    if let Some(period) = Period::parse(query) {
        assert!(period.start < period.end);
    }
    if let Ok(search) = AuditParameters::parse(query) {
        let again = AuditParameters::parse(&search.to_query(10));
        let again = again.expect("our own link is refused");
        assert_eq!((again.since, again.until), (search.since, search.until));
        assert_eq!(again.agent, search.agent);
    }
    if let Ok(history) = HistoryParameters::parse(query) {
        let again = HistoryParameters::parse(&history.to_query(10));
        let again = again.expect("our own link is refused");
        assert_eq!(again.since, history.since);
    }
    if let Some((record, entry)) = part_of(path) {
        assert_eq!(part_id(record, entry), path, "one part has one id");
    }
    if let Ok(condition) = IfNoneExist::parse(query) {
        assert!(
            condition.identifier.value.is_some(),
            "it would match every record"
        );
        assert_eq!(
            IfNoneExist::parse(&condition.to_string()).ok(),
            Some(condition)
        );
    }
    if let Some(token) = Token::parse(query) {
        assert_eq!(Token::parse(&token.to_string()), Some(token));
    }
    let _ = fhir::media::check_accept(Some(query), [path]);
    let _ = fhir::media::check_content_type(Some(path));
    let _ = fhir::prefer::Preferences::parse([path, query]);
});

/// An id is never a path of its own.
fn reaches_no_other_place(interaction: &Interaction) {
    if let Interaction::Read { id, .. }
    | Interaction::VersionRead { id, .. }
    | Interaction::Update { id }
    | Interaction::Delete { id }
    | Interaction::Original { id } = interaction
    {
        assert!(is_id(id) && !id.contains(['/', '%', '\\']) && id != "." && id != "..");
    }
}

/// The link to the next page asks for the same.
fn link_is_the_same_search(resource_type: ResourceType, search: &Parameters) {
    // A cursor is a whole search of its own, sealed: only the server that made it can read it.
    if search.cursor.is_some() {
        return;
    }
    let link = search.to_query(10);
    let Ok(again) = Parameters::parse(resource_type, &link) else {
        panic!("our own link is refused: {link}");
    };
    assert_eq!(again.criteria, search.criteria, "{link}");
    assert_eq!((again.sort, again.total), (search.sort, search.total));
    assert_eq!((again.count, &again.reveals), (Some(10), &search.reveals));
}
