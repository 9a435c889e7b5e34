//! Form parameters: RFC 6749 section 3 and appendix B.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use oauth::{Parameters, form};

fuzz_target!(|data: &[u8]| {
    accepted_is_what_others_read(data);
    written_is_read(data);
});

/// Whatever is accepted, an independent decoder reads alike, and no name is there twice.
fn accepted_is_what_others_read(data: &[u8]) {
    let Ok(parameters) = Parameters::parse(data) else {
        return;
    };
    let pairs = vitalgate_fuzz::form_pairs(data);
    let mut seen = HashSet::new();
    for (name, value) in &pairs {
        assert!(
            seen.insert(name) || name == b"resource",
            "a name is there twice"
        );
        let name = std::str::from_utf8(name).expect("accepted names are UTF-8");
        std::str::from_utf8(value).expect("accepted values are UTF-8");
        let control = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f;
        assert!(!value.iter().any(control), "a control character in {name}");
        assert!(!name.is_empty() && !name.as_bytes().iter().any(control));
        let same = pairs
            .iter()
            .filter(|(it, value)| it == name.as_bytes() && !value.is_empty());
        let expected: Vec<_> = same
            .map(|(_, value)| std::str::from_utf8(value).unwrap())
            .collect();
        assert_eq!(parameters.all(name), expected, "{name}");
        assert_eq!(parameters.get(name), expected.first().copied());
    }
}

/// A name and a value, however strange, arrive as they were sent, unless they may not be sent at all.
fn written_is_read(data: &[u8]) {
    let Some([name, value]) = vitalgate_fuzz::lines(data) else {
        return;
    };
    let refused = |text: &str| text.contains(|c: char| c.is_ascii_control() && c != '\t');
    let parsed = Parameters::parse(form::encode(&[(name, value), ("last", "1")]).as_bytes());
    if name.is_empty() || name == "last" || refused(name) || refused(value) {
        assert!(parsed.is_err());
        return;
    }
    let parsed = parsed.expect("what we write we read");
    assert_eq!(parsed.get(name).unwrap_or_default(), value);
    assert_eq!(parsed.get("last"), Some("1"));
}
