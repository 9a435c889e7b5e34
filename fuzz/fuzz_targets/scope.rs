//! Scope: RFC 6749 section 3.3 and SMART App Launch 2.2.0. Two lines: what is asked, what is registered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oauth::{Permission, Scope};

fuzz_target!(|data: &[u8]| {
    let Some([requested, registered]) = vitalgate_fuzz::lines(data) else {
        return;
    };
    let (Ok(requested), Ok(registered)) = (Scope::parse(requested), Scope::parse(registered))
    else {
        return;
    };
    printed_is_read_again(&requested);
    let granted = Scope::granted(&requested, &registered);
    never_wider(&granted, &requested, &registered);
    nothing_is_lost(&granted, &requested, &registered);
    assert!(granted.is_within(&registered) && granted.is_within(&requested));
    assert_eq!(
        Scope::granted(&granted, &registered),
        granted,
        "granting twice changes it"
    );
});

fn printed_is_read_again(scope: &Scope) {
    let again = Scope::parse(&scope.to_string()).expect("what was printed can be read");
    assert!(again.tokens().eq(scope.tokens()));
    assert_eq!(&again, scope);
}

/// Every single permission of every granted word stands in the request and in the registration.
fn never_wider(granted: &Scope, requested: &Scope, registered: &Scope) {
    for word in granted.tokens() {
        for both in [requested, registered] {
            let Some(one) = Word::read(word) else {
                assert!(both.contains(word), "{word} is in only one of the two");
                continue;
            };
            for letter in one.letters.chars() {
                let covered = both
                    .tokens()
                    .filter_map(Word::read)
                    .any(|it| it.covers(&one, letter));
                assert!(covered, "{word} grants {letter}, which {both} does not");
            }
        }
    }
}

/// What both permit in a context is granted there.
fn nothing_is_lost(granted: &Scope, requested: &Scope, registered: &Scope) {
    for asked in requested.tokens().filter_map(Word::read) {
        for allowed in registered.tokens().filter_map(Word::read) {
            for letter in asked
                .letters
                .chars()
                .filter(|it| allowed.letters.contains(*it))
            {
                let narrower = if asked.resource_type == "*" {
                    &allowed
                } else {
                    &asked
                };
                if [&asked, &allowed]
                    .iter()
                    .all(|it| it.query.is_none() && it.covers(narrower, letter))
                {
                    let mut words = granted.tokens().filter_map(Word::read);
                    assert!(words.any(|it| it.query.is_none() && it.covers(narrower, letter)));
                }
            }
        }
    }
    for permission in ALL {
        let both =
            requested.permits("Bundle", permission) && registered.permits("Bundle", permission);
        assert!(both || !granted.permits("Bundle", permission));
    }
}

/// A SMART word, read without the code under test.
struct Word<'a> {
    context: &'a str,
    resource_type: &'a str,
    letters: &'a str,
    query: Option<&'a str>,
}

impl<'a> Word<'a> {
    fn read(word: &'a str) -> Option<Self> {
        let slash = word.find('/')?;
        let context = &word[..slash];
        let dot = slash + word[slash..].find('.')?;
        let (resource_type, rest) = (&word[slash + 1..dot], &word[dot + 1..]);
        let named = resource_type.starts_with(|c: char| c.is_ascii_uppercase())
            && resource_type.bytes().all(|b| b.is_ascii_alphabetic());
        if !["patient", "user", "system"].contains(&context) || !(named || resource_type == "*") {
            return None;
        }
        let (letters, query) = match rest.find('?') {
            Some(mark) => (&rest[..mark], Some(&rest[mark + 1..])),
            None => (rest, None),
        };
        let letters = match (letters, query) {
            ("read", None) => "rs",
            ("write", None) => "cud",
            ("*", None) => "cruds",
            (letters, _) => letters,
        };
        let mut order = "cruds".chars();
        let ordered = !letters.is_empty() && letters.chars().all(|it| order.any(|c| c == it));
        (ordered && query != Some("")).then_some(Self {
            context,
            resource_type,
            letters,
            query,
        })
    }

    fn covers(&self, narrower: &Self, letter: char) -> bool {
        self.context == narrower.context
            && ["*", narrower.resource_type].contains(&self.resource_type)
            && self.letters.contains(letter)
            && (self.query.is_none() || self.query == narrower.query)
    }
}

const ALL: [Permission; 5] = [
    Permission::Create,
    Permission::Read,
    Permission::Update,
    Permission::Delete,
    Permission::Search,
];
