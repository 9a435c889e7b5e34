//! Resource indicators (RFC 8707): which resource servers a token is for.

use oauth::{Error, ErrorCode};

/// The registered audiences among those asked for; all of them if none was asked for.
///
/// # Errors
/// `invalid_target` for an audience that is not registered (RFC 8707 section 2).
pub(crate) fn narrow(requested: &[&str], registered: &[String]) -> Result<Vec<String>, Error> {
    if requested.is_empty() {
        return Ok(registered.to_vec());
    }
    if !requested
        .iter()
        .all(|wanted| registered.iter().any(|known| same(wanted, known)))
    {
        return Err(Error::new(
            ErrorCode::InvalidTarget,
            "the resource is not one of the client's",
        ));
    }
    Ok(registered
        .iter()
        .filter(|known| requested.iter().any(|wanted| same(wanted, known)))
        .cloned()
        .collect())
}

/// Equal but for one trailing slash: SMART's `aud` is sent as somebody typed it.
pub(crate) fn same(left: &str, right: &str) -> bool {
    left.strip_suffix('/').unwrap_or(left) == right.strip_suffix('/').unwrap_or(right)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn rfc8707_section_2() {
        let registered = [
            "https://a.example/fhir".to_owned(),
            "https://b.example/fhir/".to_owned(),
        ];
        assert_eq!(narrow(&[], &registered).unwrap(), registered);
        let one = narrow(&["https://b.example/fhir"], &registered).unwrap();
        assert_eq!(one, [registered[1].clone()]);
        let twice = ["https://a.example/fhir/", "https://a.example/fhir"];
        assert_eq!(
            narrow(&twice, &registered).unwrap(),
            [registered[0].clone()]
        );
        for unknown in ["https://a.example/fhir//", "https://a.example", "", "/"] {
            let error = narrow(&[unknown], &registered).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidTarget);
        }
    }
}
