//! The Basic header of client authentication: RFC 6749 section 2.3.1, RFC 7617 section 2.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oauth::BasicCredentials;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        accepted_is_what_others_read(text);
    }
    if let Some([id, secret]) = vitalgate_fuzz::lines(data) {
        written_is_read(id, secret);
    }
});

fn accepted_is_what_others_read(header: &str) {
    let Ok(credentials) = BasicCredentials::parse(header) else {
        return;
    };
    let (scheme, encoded) = header.split_at(5);
    assert!(scheme.eq_ignore_ascii_case("basic") && encoded.starts_with(' '));
    let pair = vitalgate_fuzz::base64_decoded(encoded.trim_matches(' ').as_bytes());
    let pair = pair.expect("accepted base64 has one spelling");
    let colon = pair.iter().position(|byte| *byte == b':').expect("a colon");
    let id = vitalgate_fuzz::form_decoded(&pair[..colon]);
    assert_eq!(credentials.client_id().as_bytes(), id);
    assert!(!id.is_empty());
    let id = credentials.client_id().to_owned();
    let secret = credentials.into_secret().expose().to_owned();
    assert_eq!(
        secret.as_bytes(),
        vitalgate_fuzz::form_decoded(&pair[colon + 1..])
    );
    let control = |c: char| c.is_ascii_control() && c != '\t';
    assert!(!id.contains(control) && !secret.contains(control));
    written_is_read(&id, &secret);
}

fn written_is_read(id: &str, secret: &str) {
    let control = |c: char| c.is_ascii_control() && c != '\t';
    let parsed = BasicCredentials::parse(&BasicCredentials::header(id, secret));
    if id.is_empty() || id.contains(control) || secret.contains(control) {
        assert!(parsed.is_err());
        return;
    }
    let parsed = parsed.expect("what we write we read");
    assert_eq!(parsed.client_id(), id);
    assert_eq!(parsed.into_secret().expose(), secret);
}
