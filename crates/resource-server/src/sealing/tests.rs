#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;

fn text(byte: u8) -> String {
    STANDARD.encode([byte; 32])
}

fn keys(bytes: &[u8]) -> RecordKeys {
    let lines: Vec<String> = bytes.iter().map(|byte| text(*byte)).collect();
    RecordKeys::parse(&lines.join("\n")).unwrap()
}

const PLACE: Place<'_> = Place {
    table: "record_version",
    id: "0198",
    version_id: 1,
    jurisdiction: "MA",
    organization: "Hospital A",
    addressee: None,
    record_type: Some("birth"),
    facility: None,
    composition_type: Some("68998-4"),
    event_year: Some(2026),
};

#[test]
fn what_is_sealed_opens_in_its_place_only() {
    let random = Random::seeded(1);
    let sealed = keys(&[1]).seal(PLACE, b"Ada", &random).unwrap();
    let key_id = sealed.key_id.as_str();
    assert_eq!(
        keys(&[1]).open(PLACE, key_id, &sealed.bytes).as_deref(),
        Some(b"Ada".as_slice())
    );
    assert!(!sealed.bytes.windows(3).any(|window| window == b"Ada"));
    let elsewhere = [
        Place {
            table: "record",
            ..PLACE
        },
        Place {
            id: "0199",
            ..PLACE
        },
        Place {
            version_id: 2,
            ..PLACE
        },
        Place {
            jurisdiction: "NJ",
            ..PLACE
        },
        Place {
            organization: "Hospital B",
            ..PLACE
        },
        Place {
            addressee: Some("Hospital B"),
            ..PLACE
        },
        Place {
            addressee: Some(""),
            ..PLACE
        },
        Place {
            record_type: None,
            ..PLACE
        },
        Place {
            facility: Some("F1"),
            ..PLACE
        },
        Place {
            composition_type: Some("92011-6"),
            ..PLACE
        },
        Place {
            event_year: Some(2025),
            ..PLACE
        },
        Place {
            event_year: None,
            ..PLACE
        },
    ];
    for place in elsewhere {
        assert_eq!(
            keys(&[1]).open(place, key_id, &sealed.bytes),
            None,
            "{place:?}"
        );
    }
    for number in 0..sealed.bytes.len() {
        let mut changed = sealed.bytes.clone();
        changed[number] ^= 1;
        assert_eq!(keys(&[1]).open(PLACE, key_id, &changed), None, "{number}");
        assert_eq!(keys(&[1]).open(PLACE, key_id, &changed[..number]), None);
    }
}

#[test]
fn the_first_key_seals_and_all_open() {
    let random = Random::seeded(1);
    let old = keys(&[1]).seal(PLACE, b"Ada", &random).unwrap();
    let both = keys(&[2, 1]);
    let new = both.seal(PLACE, b"Ada", &random).unwrap();
    assert_eq!(new.key_id, both.sealing_key_id());
    assert_ne!(new.key_id, old.key_id);
    for sealed in [&old, &new] {
        assert!(both.open(PLACE, &sealed.key_id, &sealed.bytes).is_some());
    }
    // A key that is gone opens nothing, and another one does not under its id.
    assert_eq!(keys(&[2]).open(PLACE, &old.key_id, &old.bytes), None);
    assert_eq!(keys(&[2]).open(PLACE, &new.key_id, &old.bytes), None);
}

#[test]
fn terms_are_of_one_name_and_one_key() {
    let keys = keys(&[1, 2]);
    assert_eq!(keys.term("family", "ada"), keys.term("family", "ada"));
    assert_ne!(keys.term("family", "ada"), keys.term("given", "ada"));
    assert_ne!(keys.term("family", "ada"), keys.term("family", "adam"));
    let terms = keys.terms("family", "ada");
    assert_eq!((terms.len(), terms[0]), (2, keys.term("family", "ada")));
    assert_ne!(terms[0], terms[1]);
}

#[test]
fn keys_are_read_from_lines() {
    let two = format!("# of 2027\n{}\n\n  # of 2026\n{}\n", text(2), text(1));
    let parsed = RecordKeys::parse(&two).unwrap();
    assert_eq!(parsed.key_ids().count(), 2);
    assert_eq!(parsed.sealing_key_id(), keys(&[2]).sealing_key_id());
    let parse = |text: &str| RecordKeys::parse(text).map(drop);
    assert_eq!(parse(""), Err(RecordKeysError::None));
    assert_eq!(parse("# nothing\n"), Err(RecordKeysError::None));
    assert_eq!(parse("c2hvcnQ="), Err(RecordKeysError::Malformed));
    assert_eq!(parse("%"), Err(RecordKeysError::Malformed));
    let twice = format!("{} {}", text(1), text(1));
    assert_eq!(parse(&twice), Err(RecordKeysError::Twice));
}

#[test]
fn no_key_is_shown() {
    let shown = format!("{:?}", keys(&[1]));
    assert!(shown.len() < 60 && !shown.contains(&text(1)), "{shown}");
}
