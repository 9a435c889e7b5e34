//! Redirect URIs: RFC 6749 section 3.1.2, RFC 8252 section 7.3, RFC 9700 section 2.1.
//!
//! A code goes wherever the redirect URI says, so what is registered must have one meaning for
//! every reader, and what is asked for must be the same text.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// A redirect URI that a client is registered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredRedirectUri {
    text: String,
    /// What stands after the port, when any port will do.
    loopback: Option<Loopback>,
}

/// A redirect URI of an app on the person's own machine, in its parts around the port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Loopback {
    before_port: &'static str,
    after_port: String,
}

impl RegisteredRedirectUri {
    /// Reads a redirect URI for registration.
    ///
    /// # Errors
    /// When it is not an https URL, or http to the address 127.0.0.1 or `[::1]` (not `localhost`,
    /// which may resolve elsewhere: RFC 8252 section 8.3), when it has a fragment (RFC 6749 section
    /// 3.1.2), user information or a wildcard, or when it is not spelled the way a browser would
    /// spell it.
    pub fn parse(text: &str) -> Result<Self, RedirectUriError> {
        if text.len() > MAX_LENGTH {
            return Err(RedirectUriError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| RedirectUriError::NotAUrl)?;
        if url.fragment().is_some() {
            return Err(RedirectUriError::Fragment);
        }
        if text.contains('@') && has_user_information(&url, text) {
            return Err(RedirectUriError::UserInformation);
        }
        let host = url.host().ok_or(RedirectUriError::NotAUrl)?;
        let loopback = match url.scheme() {
            "https" => None,
            "http" => Some(loopback_prefix(&host).ok_or(RedirectUriError::NotHttps)?),
            _ => return Err(RedirectUriError::NotHttps),
        };
        if matches!(host, Host::Domain(name) if name.contains('*')) {
            return Err(RedirectUriError::Wildcard);
        }
        // A browser resolves `..`, backslashes, upper case, default ports and much more. Refusing
        // what it would change leaves no room for two readings.
        let spelled = url.as_str();
        if spelled != text && spelled.strip_suffix('/') != Some(text) {
            return Err(RedirectUriError::Spelling);
        }
        let loopback = loopback.map(|before_port| Loopback::of(before_port, text));
        Ok(Self {
            text: text.to_owned(),
            loopback,
        })
    }

    /// As registered.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this is the redirect URI of a request: the same text (RFC 9700 section 2.1), but for
    /// the port of a loopback address, which an app does not know beforehand (RFC 8252 section
    /// 7.3).
    #[must_use]
    pub fn matches(&self, requested: &str) -> bool {
        requested == self.text
            || self
                .loopback
                .as_ref()
                .is_some_and(|loopback| loopback.matches(requested))
    }
}

impl Loopback {
    fn of(before_port: &'static str, text: &str) -> Self {
        let rest = text.strip_prefix(before_port).unwrap_or_default();
        let after_port = match rest.strip_prefix(':') {
            Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_digit()),
            None => rest,
        };
        Self {
            before_port,
            after_port: after_port.to_owned(),
        }
    }

    fn matches(&self, requested: &str) -> bool {
        let port = requested
            .strip_prefix(self.before_port)
            .and_then(|rest| rest.strip_suffix(self.after_port.as_str()));
        port.is_some_and(|port| port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
    }
}

fn is_port(text: &str) -> bool {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    digits && text.parse::<u16>().is_ok()
}

fn loopback_prefix(host: &Host<&str>) -> Option<&'static str> {
    match host {
        Host::Ipv4(Ipv4Addr::LOCALHOST) => Some("http://127.0.0.1"),
        Host::Ipv6(Ipv6Addr::LOCALHOST) => Some("http://[::1]"),
        _ => None,
    }
}

/// `https://@host/` has empty user information, which the parser drops without a trace.
fn has_user_information(url: &Url, text: &str) -> bool {
    let authority = text.split_once("//").map_or("", |(_, rest)| rest);
    let end = authority
        .find(['/', '?', '#', '\\'])
        .unwrap_or(authority.len());
    let in_authority = authority
        .get(..end)
        .is_some_and(|authority| authority.contains('@'));
    in_authority || !url.username().is_empty() || url.password().is_some()
}

/// Why a redirect URI cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// Not an absolute URL with a host.
    #[error("it is not an absolute URL")]
    NotAUrl,
    /// Longer than 2048 bytes.
    #[error("it is too long")]
    TooLong,
    /// Neither https nor http to a loopback address.
    #[error("it is neither https nor http to 127.0.0.1 or [::1]")]
    NotHttps,
    /// RFC 6749 section 3.1.2.
    #[error("it has a fragment")]
    Fragment,
    /// A name before the host deceives people about the host.
    #[error("it has user information")]
    UserInformation,
    /// RFC 9700 section 4.1: patterns have led codes to attackers.
    #[error("it has a wildcard")]
    Wildcard,
    /// A browser would go to another spelling of it.
    #[error("it is not spelled the way a browser spells it")]
    Spelling,
}

/// What browsers and proxies carry.
const MAX_LENGTH: usize = 2048;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::RedirectUriError::{
        Fragment, NotAUrl, NotHttps, Spelling, TooLong, UserInformation, Wildcard,
    };
    use super::*;

    #[test]
    fn registered() {
        for text in [
            "https://client.example/cb",
            "https://client.example",
            "https://client.example/",
            "https://client.example:8443/cb",
            "https://client.example/cb?a=b",
            "https://client.example/cb?a=b&c=d",
            "https://client.example/cb?",
            "https://client.example/a%20b",
            "https://client.example/@name",
            "https://client.example/cb?mail=a@b",
            "https://client.example/~user/cb;v=1",
            "https://xn--mnchen-3ya.example/cb",
            "https://localhost:8443/client/callback",
            "https://127.0.0.1:8443/cb",
            "https://[::1]:8443/cb",
            "https://ehr.localhost:8443/cb",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:8080/cb",
            "http://127.0.0.1",
            "http://127.0.0.1/",
            "http://[::1]/cb",
            "http://[::1]:8080/cb?a=b",
        ] {
            let uri = RegisteredRedirectUri::parse(text);
            assert!(
                uri.as_ref().is_ok_and(|uri| uri.as_str() == text),
                "{text} {uri:?}"
            );
            assert!(uri.unwrap().matches(text), "{text}");
        }
    }

    #[test]
    fn not_registered() {
        let long = format!("https://client.example/{}", "a".repeat(MAX_LENGTH));
        let rows = [
            ("", NotAUrl),
            ("/cb", NotAUrl),
            ("client.example/cb", NotAUrl),
            ("https://", NotAUrl),
            ("https://:443/cb", NotAUrl),
            ("https://client.example:99999/cb", NotAUrl),
            ("https://client example/cb", NotAUrl),
            ("urn:ietf:wg:oauth:2.0:oob", NotAUrl),
            ("javascript:alert(1)", NotAUrl),
            ("data:text/html,x", NotAUrl),
            ("com.example.app:/cb", NotAUrl),
            ("http://client.example/cb", NotHttps),
            ("http://localhost/cb", NotHttps),
            ("http://localhost:8080/cb", NotHttps),
            ("http://127.0.0.2/cb", NotHttps),
            ("http://127.0.0.1.client.example/cb", NotHttps),
            ("http://[::ffff:127.0.0.1]/cb", NotHttps),
            ("http://0.0.0.0/cb", NotHttps),
            ("ftp://client.example/cb", NotHttps),
            ("com.example.app://cb/", NotHttps),
            ("https://client.example/cb#", Fragment),
            ("https://client.example/cb#a", Fragment),
            ("http://127.0.0.1/cb#a", Fragment),
            ("https://user@client.example/cb", UserInformation),
            ("https://user:pass@client.example/cb", UserInformation),
            ("https://@client.example/cb", UserInformation),
            ("https://:@client.example/cb", UserInformation),
            ("http://127.0.0.1@client.example/cb", UserInformation),
            ("https://*.client.example/cb", Wildcard),
            ("https://*/cb", Wildcard),
            ("https://client.example/../cb", Spelling),
            ("https://client.example/a/./cb", Spelling),
            ("https://client.example/a/%2e%2E/cb", Spelling),
            ("https://client.example\\cb", Spelling),
            ("https:\\\\client.example/cb", Spelling),
            ("https:/client.example/cb", Spelling),
            ("https:client.example/cb", Spelling),
            ("https:///client.example/cb", Spelling),
            ("https://Client.Example/cb", Spelling),
            ("HTTPS://client.example/cb", Spelling),
            ("https://client.example:443/cb", Spelling),
            ("https://client.example:/cb", Spelling),
            ("http://127.0.0.1:80/cb", Spelling),
            ("http://127.1/cb", Spelling),
            ("http://2130706433/cb", Spelling),
            ("http://0x7f.1/cb", Spelling),
            ("http://[0:0:0:0:0:0:0:1]/cb", Spelling),
            (" https://client.example/cb", Spelling),
            ("https://client.example/cb ", Spelling),
            ("https://client.example/c\tb", Spelling),
            ("https://client.example/c\r\nb", Spelling),
            ("https://client.example/c b", Spelling),
            ("https://client.example/caf\u{e9}", Spelling),
            ("https://m\u{fc}nchen.example/cb", Spelling),
            ("https://client.example/\"onload", Spelling),
            ("https://client.example/<b>", Spelling),
            (long.as_str(), TooLong),
        ];
        for (text, error) in rows {
            assert_eq!(RegisteredRedirectUri::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn only_the_same_text_matches() {
        let uri = RegisteredRedirectUri::parse("https://client.example/cb").unwrap();
        for text in [
            "",
            "https://client.example/cb/",
            "https://client.example/cb?",
            "https://client.example/cb?a=b",
            "https://client.example/cb#a",
            "https://client.example/CB",
            "https://client.example/c%62",
            "https://client.example/cb/../cb",
            "https://client.example:443/cb",
            "https://client.example:8443/cb",
            "https://client.example.evil.example/cb",
            "https://evil.example/cb",
            "https://evil.example/?https://client.example/cb",
            "https://user@client.example/cb",
            "http://client.example/cb",
            " https://client.example/cb",
        ] {
            assert!(!uri.matches(text), "{text}");
        }
    }

    #[test]
    fn rfc8252_section_7_3() {
        for (registered, host) in [
            ("http://127.0.0.1/cb?a=b", "127.0.0.1"),
            ("http://127.0.0.1:8080/cb?a=b", "127.0.0.1"),
            ("http://[::1]:8080/cb?a=b", "[::1]"),
        ] {
            let uri = RegisteredRedirectUri::parse(registered).unwrap();
            for port in ["", ":1", ":80", ":8080", ":65535"] {
                assert!(
                    uri.matches(&format!("http://{host}{port}/cb?a=b")),
                    "{port}"
                );
            }
            for port in [
                ":",
                ":0",
                ":080",
                ":65536",
                ":+80",
                ":-1",
                ":8a",
                ":80:80",
                ":80@evil.example",
            ] {
                assert!(
                    !uri.matches(&format!("http://{host}{port}/cb?a=b")),
                    "{port}"
                );
            }
            for other in [
                "/cb",
                "/cb?a=b&c=d",
                "/CB?a=b",
                "/x/cb?a=b",
                "/cb?a=b#c",
                "",
            ] {
                assert!(
                    !uri.matches(&format!("http://{host}:8080{other}")),
                    "{other}"
                );
            }
            assert!(!uri.matches("http://localhost:8080/cb?a=b"));
            assert!(!uri.matches(&format!("https://{host}:8080/cb?a=b")));
        }
        let bare = RegisteredRedirectUri::parse("http://127.0.0.1").unwrap();
        assert!(bare.matches("http://127.0.0.1:8080"));
        for text in [
            "http://127.0.0.1.evil.example",
            "http://127.0.0.18080",
            "http://127.0.0.1:80/",
        ] {
            assert!(!bare.matches(text), "{text}");
        }
    }

    #[test]
    fn the_port_of_an_https_uri_is_part_of_it() {
        let uri = RegisteredRedirectUri::parse("https://127.0.0.1:8443/cb").unwrap();
        assert!(!uri.matches("https://127.0.0.1:8444/cb"));
    }

    proptest! {
        #[test]
        fn whatever_matches_is_on_the_registered_host(port in 0_u32..70_000, tail in "[:/@.a-z0-9]{0,12}") {
            let uri = RegisteredRedirectUri::parse("http://127.0.0.1/cb").unwrap();
            let requested = format!("http://127.0.0.1:{port}{tail}/cb");
            if uri.matches(&requested) {
                let url = Url::parse(&requested).unwrap();
                prop_assert_eq!(url.host(), Some(Host::Ipv4(Ipv4Addr::LOCALHOST)));
                prop_assert_eq!(url.path(), "/cb");
                prop_assert!(tail.is_empty() || tail.bytes().all(|b| b.is_ascii_digit()));
            }
        }
    }
}
