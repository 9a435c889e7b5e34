//! `WWW-Authenticate`, as our client reads it from a resource server: RFC 6750 section 3.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oauth::BearerChallenge;

fuzz_target!(|data: &[u8]| {
    if let Ok(header) = std::str::from_utf8(data)
        && let Some(challenge) = BearerChallenge::parse(header)
    {
        assert!(header.to_ascii_lowercase().contains("bearer"));
        written_is_read(&challenge);
    }
    if let Some([realm, error_description, scope]) = vitalgate_fuzz::lines(data) {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        written_is_read(&BearerChallenge {
            realm: text(realm),
            error_description: text(error_description),
            scope: text(scope),
            ..BearerChallenge::default()
        });
    }
});

/// What is written stays one header line of visible ASCII, and says the same but for what it cannot hold.
fn written_is_read(challenge: &BearerChallenge) {
    let header = challenge.to_string();
    assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    let shown = |text: &Option<String>| {
        let c = |c: char| if (' '..='~').contains(&c) { c } else { '?' };
        text.as_ref()
            .map(|text| text.chars().map(c).collect::<String>())
    };
    let expected = BearerChallenge {
        realm: shown(&challenge.realm),
        error: challenge.error,
        error_description: shown(&challenge.error_description),
        scope: shown(&challenge.scope),
        resource_metadata: shown(&challenge.resource_metadata),
        max_age: shown(&challenge.max_age),
    };
    assert_eq!(BearerChallenge::parse(&header), Some(expected), "{header}");
}
