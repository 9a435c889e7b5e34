//! Who sent a request that came through a proxy.
//!
//! `X-Forwarded-For` is whatever its sender likes (RFC 9700 section 4.13), except for what a proxy of our own has
//! appended at its end. Nothing else of what proxies say is looked at: origins come from the configuration, and
//! client certificates from no header.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// The address that counts for audit and for the throttle of sign-ins: the peer's own, or, if that is a trusted
/// proxy, the last forwarded address that is none. Where a trusted proxy says what cannot be read, its own
/// address counts: nobody gains by a malformed header.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| {
        let address = address.to_canonical();
        trusted.iter().any(|network| network.contains(&address))
    };
    let peer = peer.to_canonical();
    if !is_trusted(peer) {
        return peer;
    }
    let values = headers.get_all(FORWARDED_FOR).iter().rev();
    let elements = values
        .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','))
        .take(ELEMENTS);
    let mut last = peer;
    for element in elements {
        let Some(address) = read(element) else {
            return last;
        };
        last = address;
        if !is_trusted(address) {
            return address;
        }
    }
    last
}

/// An address with or without a port, as proxies write it: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
/// `[2001:db8::1]`, `[2001:db8::1]:80`.
fn read(element: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(element).ok()?.trim();
    let address = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|it| it.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    address
        .or_else(with_port)
        .or_else(bracketed)
        .map(|it: IpAddr| it.to_canonical())
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// More proxies in a row than anybody has; a longer list is somebody's who wants us to work.
const ELEMENTS: usize = 16;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn who_sent_it() {
        let long = format!("192.0.2.9, {}", vec!["10.0.0.2"; 100].join(", "));
        let rows: [(&str, &[&str], &str); 22] = [
            // Not through a proxy of ours: nothing forwarded counts.
            ("203.0.113.7", &[], "203.0.113.7"),
            ("203.0.113.7", &["192.0.2.1"], "203.0.113.7"),
            ("203.0.113.7", &["10.0.0.1"], "203.0.113.7"),
            ("2001:db8::7", &["192.0.2.1"], "2001:db8::7"),
            // Through one: what it has appended.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("::ffff:10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("fd00::1", &["2001:db8::5"], "2001:db8::5"),
            ("10.0.0.1", &["192.0.2.1:4711"], "192.0.2.1"),
            ("10.0.0.1", &["[2001:db8::5]"], "2001:db8::5"),
            ("10.0.0.1", &["[2001:db8::5]:4711"], "2001:db8::5"),
            ("10.0.0.1", &[" 192.0.2.1 "], "192.0.2.1"),
            // What stands before is the sender's invention.
            ("10.0.0.1", &["127.0.0.1, 192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["127.0.0.1", "192.0.2.1"], "192.0.2.1"),
            // Two proxies of ours.
            ("10.0.0.1", &["192.0.2.1, 10.0.0.2"], "192.0.2.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // What cannot be read ends the search.
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1,"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1, x, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["192.0.2.1; DROP"], "10.0.0.1"),
            ("10.0.0.1", &[&long], "10.0.0.2"),
        ];
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for (peer, values, expected) in rows {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
            }
            let found = client_address(peer.parse().unwrap(), &headers, &trusted);
            let expected: IpAddr = expected.parse().unwrap();
            assert_eq!(found, expected, "{peer} {values:?}");
        }
    }

    #[test]
    fn without_trusted_proxies_only_the_peer_counts() {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_FOR, HeaderValue::from_static("192.0.2.1"));
        let peer: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(client_address(peer, &headers, &[]), peer);
    }

    #[test]
    fn bytes_that_are_no_text_end_the_search() {
        let mut headers = HeaderMap::new();
        headers.insert(
            FORWARDED_FOR,
            HeaderValue::from_bytes(b"192.0.2.1\xff").unwrap(),
        );
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(client_address(peer, &headers, &trusted), peer);
    }
}
