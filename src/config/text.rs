//! Texts of the configuration that are parsed while it is read, so that a mistake names its line.

use serde::Deserialize;
use url::Url;

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $parse:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name($inner);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let parse: fn(String) -> Result<$inner, String> = $parse;
                parse(text).map(Self)
            }
        }

        impl std::ops::Deref for $name {
            type Target = $inner;

            fn deref(&self) -> &$inner {
                &self.0
            }
        }
    };
}

text!(
    /// `https://host[:port]`, without a path: an origin, and the issuer identifier of the party there.
    Origin,
    String,
    |text| {
        let origin = |url: Url| url.scheme() == "https" && url.origin().ascii_serialization() == text;
        if !Url::parse(&text).is_ok_and(origin) {
            return Err("must be https://host or https://host:port, in lower case, with nothing after it".to_owned());
        }
        Ok(text)
    }
);

text!(
    /// Issuer identifier of somebody else's authorization server (RFC 8414 section 2). Unlike ours it may
    /// have a path, as where one host serves several tenants; it is compared to the letter, so it is kept.
    IssuerIdentifier,
    String,
    |text| match client::config::Issuer::parse(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(format!("is {error}; it must be the issuer that its metadata names")),
    }
);

text!(
    /// An `https` URL.
    WebAddress,
    Url,
    |text| {
        let url = Url::parse(&text).map_err(|error| format!("must be a URL: {error}"))?;
        if url.scheme() == "https" { Ok(url) } else { Err("must begin with https://".to_owned()) }
    }
);

text!(
    /// A URL of any scheme.
    AnyUrl,
    Url,
    |text| Url::parse(&text).map_err(|error| format!("must be a URL: {error}"))
);

text!(
    /// Prefix of an issuer's tokens.
    Prefix,
    String,
    |text| {
        let good = (1..=16).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if good { Ok(text) } else { Err("must be 1 to 16 lower case letters and digits".to_owned()) }
    }
);

text!(
    /// A list of scopes.
    ScopeText,
    oauth::Scope,
    |text| oauth::Scope::parse(&text).map_err(|error| error.description().to_owned())
);

text!(
    /// A jurisdiction of the vital-records messages.
    JurisdictionCode,
    fhir::Jurisdiction,
    |text| fhir::Jurisdiction::parse(&text)
        .ok_or_else(|| "is not a jurisdiction (two capital letters, for instance MA or YC)".to_owned())
);

text!(
    /// `birth` or `fetal-death`.
    RecordTypeName,
    fhir::RecordType,
    |text| fhir::RecordType::parse(&text).ok_or_else(|| "must be birth or fetal-death".to_owned())
);

text!(
    /// A signature algorithm (RFC 7518 section 3.1, RFC 8037).
    AlgorithmName,
    oauth::jose::Algorithm,
    |text| oauth::jose::Algorithm::parse(&text)
        .ok_or_else(|| "must be EdDSA, ES256, ES384, RS256, RS384 or PS256".to_owned())
);

impl From<oauth::jose::Algorithm> for AlgorithmName {
    fn from(algorithm: oauth::jose::Algorithm) -> Self {
        Self(algorithm)
    }
}

text!(
    /// A network, `10.0.0.0/8` or `fd00::/8`; one address is a network too.
    Network,
    ipnet::IpNet,
    |text| text
        .parse()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from))
        .map_err(|_| "must be a network like 10.0.0.0/8 or fd00::/8".to_owned())
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_issuer_may_have_a_path_and_is_kept_to_the_letter() {
        for text in [
            "https://as.example",
            "https://as.example/",
            "https://as.example:8443/realms/Health",
        ] {
            let read = IssuerIdentifier::try_from(text.to_owned());
            assert_eq!(read.as_deref().map(String::as_str), Ok(text));
            let ours = Origin::try_from(text.to_owned());
            assert_eq!(ours.is_ok(), text == "https://as.example", "{text}");
        }
        for text in [
            "as.example",
            "http://as.example",
            "https://as.example?tenant=1",
            "https://as.example/#a",
            "https://a:b@as.example",
        ] {
            assert!(
                IssuerIdentifier::try_from(text.to_owned()).is_err(),
                "{text}"
            );
        }
    }
}
