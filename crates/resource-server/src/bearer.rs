//! Takes the access token from a request: RFC 6750 section 2.1, and no other way.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use oauth::Secret;
use oauth::bearer;
pub(crate) use oauth::bearer::BearerError;

/// A token as presented: not yet known to be worth anything.
#[derive(Debug)]
pub(crate) struct PresentedToken(Secret);

impl PresentedToken {
    /// The token's text.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The start of the token's hash, by which logs and audit name it.
    pub(crate) fn token_id(&self) -> String {
        self.0.hash().short()
    }

    /// The hash of the whole token.
    pub(crate) fn hash(&self) -> oauth::SecretHash {
        self.0.hash()
    }
}

/// The one token of a request, out of its one `Authorization` header.
///
/// # Errors
/// [`BearerError`]. A token in the query is never accepted, since URLs end up in logs and `Referer`
/// headers (RFC 9700 section 4.3.2).
pub(crate) fn presented(
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<PresentedToken, BearerError> {
    let in_query = form_names(query.unwrap_or_default()).any(|name| name == "access_token");
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err(BearerError::Missing),
        (Some(_), Some(_)) => return Err(BearerError::Malformed),
        (Some(_), None) if in_query => return Err(BearerError::Malformed),
        (Some(value), None) => value.as_bytes(),
    };
    bearer::token(value).map(PresentedToken)
}

/// The decoded names of a form-encoded query.
fn form_names(query: &str) -> impl Iterator<Item = String> {
    query.split('&').map(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        percent_encoding::percent_decode_str(name)
            .decode_utf8_lossy()
            .into_owned()
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn take(values: &[&str], query: Option<&str>) -> Result<String, BearerError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        presented(&headers, query).map(|token| token.expose().to_owned())
    }

    #[test]
    fn rfc6750_section_2_1_one_header() {
        assert_eq!(
            take(&["Bearer mF_9.B5f-4.1JqM"], None).as_deref(),
            Ok("mF_9.B5f-4.1JqM")
        );
        assert_eq!(take(&["bEARER a+/~=="], None).as_deref(), Ok("a+/~=="));
        assert_eq!(
            take(&["Bearer   two-spaces"], None).as_deref(),
            Ok("two-spaces")
        );
        assert_eq!(
            take(&["Bearer a"], Some("identifier=x")).as_deref(),
            Ok("a")
        );
    }

    #[test]
    fn everything_else_is_refused() {
        let rows: &[(&[&str], Option<&str>, BearerError)] = &[
            (&[], None, BearerError::Missing),
            (&[], Some("access_token=a"), BearerError::Missing),
            (
                &["Bearer a"],
                Some("access_token=a"),
                BearerError::Malformed,
            ),
            (
                &["Bearer a"],
                Some("x=1&access%5Ftoken=a"),
                BearerError::Malformed,
            ),
            (&["Bearer a", "Bearer a"], None, BearerError::Malformed),
            (&["Bearer a", "Basic YTpi"], None, BearerError::Malformed),
            (&["Basic YTpi"], None, BearerError::Missing),
            (&["DPoP a"], None, BearerError::Missing),
            (&["Bearertoken"], None, BearerError::Missing),
            (&["Bearer"], None, BearerError::Malformed),
            (&["Bearer  "], None, BearerError::Malformed),
            (&["Bearer a b"], None, BearerError::Unusable),
            (&["Bearer a,b"], None, BearerError::Unusable),
            (&["Bearer ="], None, BearerError::Unusable),
            (&["Bearer a=b"], None, BearerError::Unusable),
            (&["Bearer \"a\""], None, BearerError::Unusable),
        ];
        for (values, query, expected) in rows {
            assert_eq!(take(values, *query), Err(*expected), "{values:?} {query:?}");
        }
    }

    #[test]
    fn a_token_is_at_most_8_kib_long() {
        let fits = format!("Bearer {}", "a".repeat(8 * 1024 - 7));
        assert!(take(&[&fits], None).is_ok());
        assert_eq!(
            take(&[&format!("{fits}a")], None),
            Err(BearerError::Unusable)
        );
    }
}
