//! Redirect URIs, at registration and in a request: RFC 9700 section 2.1, RFC 8252 section 7.3.
//! Two lines: what is registered, what is asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oauth::RegisteredRedirectUri;
use url::{Host, Url};

fuzz_target!(|data: &[u8]| {
    let Some([registered, requested]) = vitalgate_fuzz::lines(data) else {
        return;
    };
    let Ok(uri) = RegisteredRedirectUri::parse(registered) else {
        return;
    };
    has_one_meaning(registered);
    assert_eq!(uri.as_str(), registered);
    assert!(uri.matches(registered));
    matches_only_itself(&uri, requested);
    // What an attacker would try around the registered text.
    for other in [
        format!("{registered}{requested}"),
        format!("{requested}{registered}"),
        registered.replacen("://", &format!("://{requested}"), 1),
        registered.replacen("1/", &format!("1{requested}/"), 1),
    ] {
        matches_only_itself(&uri, &other);
    }
});

/// https, or http to this very machine; no fragment, no user information; spelled as a browser does.
fn has_one_meaning(registered: &str) {
    let url = Url::parse(registered).expect("a URL");
    let spelled = url.as_str();
    assert!(spelled == registered || spelled == format!("{registered}/"));
    assert!(url.fragment().is_none() && !registered.contains('#'));
    assert!(url.username().is_empty() && url.password().is_none());
    assert!(!authority(registered).contains(['@', '*']));
    let local = match url.host().expect("a host") {
        Host::Ipv4(address) => address.octets() == [127, 0, 0, 1],
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(_) => false,
    };
    assert!(url.scheme() == "https" || (url.scheme() == "http" && local));
    assert!(registered.bytes().all(|byte| (b'!'..=b'~').contains(&byte)));
}

/// The same bytes, or the same but for the port where the registered one is loopback http.
fn matches_only_itself(uri: &RegisteredRedirectUri, requested: &str) {
    let registered = uri.as_str();
    if !uri.matches(requested) || requested == registered {
        return;
    }
    assert!(
        registered.starts_with("http://"),
        "{requested} is not {registered}"
    );
    assert_eq!(without_port(registered), without_port(requested));
    let (one, other) = (
        Url::parse(registered).unwrap(),
        Url::parse(requested).expect("a URL"),
    );
    assert_eq!(one.host(), other.host());
    assert_eq!((one.path(), one.query()), (other.path(), other.query()));
    assert!(other.fragment().is_none() && other.username().is_empty());
}

fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#', '\\']).next().unwrap_or_default()
}

fn without_port(text: &str) -> String {
    let authority = authority(text);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            assert!(
                port.parse::<u16>()
                    .is_ok_and(|number| number.to_string() == port)
            );
            host
        }
        _ => authority,
    };
    text.replacen(authority, host, 1)
}
