//! Introspection answers: RFC 7662 section 2.2, with the members by which our parties say how far a
//! token reaches.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// RFC 7662 section 2.2. A member that is absent grants nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntrospectionResponse {
    /// Whether the token counts. If not, nothing else may be said of it.
    pub active: bool,
    /// RFC 6749 section 3.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The client that it was issued to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The resource owner's name for people; absent for an API user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// RFC 6749 section 7.1: `Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// Seconds since 1970-01-01T00:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Seconds since 1970-01-01T00:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Seconds since 1970-01-01T00:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// The resource owner, or the client acting for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The resource servers that it is meant for. On the wire a string if there is one, otherwise
    /// an array (RFC 7519 section 4.1.3).
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        with = "string_or_array"
    )]
    pub aud: Vec<String>,
    /// The issuer identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The token's identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// How the resource owner signed in (RFC 9470 section 6.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// And when: seconds since 1970-01-01T00:00:00Z (RFC 9470 section 6.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// Ours: the organisation that it acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Ours: the jurisdictions whose records it reaches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jurisdictions: Vec<String>,
    /// Ours: the record types that it reaches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub record_types: Vec<String>,
    /// Ours: the facilities of the organisation whose records it reaches, by NPI or another
    /// identifier. Absent: all of them; an empty list: none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "list"
    )]
    pub facilities: Option<Vec<String>>,
    /// Ours: the role of the person it acts for; absent for a client that acts for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Ours: `own` (what absence means) or `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_access: Option<String>,
}

impl IntrospectionResponse {
    /// The answer about a token that does not count, or that is not the caller's business. It has
    /// no other member, so that nothing can be learned from it (RFC 7662 section 2.2).
    #[must_use]
    pub fn inactive() -> Self {
        Self::default()
    }
}

/// A list, where it is there: `null` must not pass for absence, which means no limit.
fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    Vec::deserialize(from).map(Some)
}

mod string_or_array {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &[String], to: S) -> Result<S::Ok, S::Error> {
        match values {
            [one] => one.serialize(to),
            several => several.serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum StringOrArray {
            String(String),
            Array(Vec<String>),
        }
        Ok(match StringOrArray::deserialize(from)? {
            StringOrArray::String(one) => vec![one],
            StringOrArray::Array(several) => several,
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    // The example answer of the section, with a member that a resource server must ignore.
    #[test]
    fn rfc7662_section_2_2() {
        let text = r#"{"active":true,"client_id":"l238j323ds-23ij4","username":"jdoe",
            "scope":"read write dolphin","sub":"Z5O3upPC88QrAjx00dis",
            "aud":"https://protected.example.net/resource","iss":"https://server.example.com/",
            "exp":1419356238,"iat":1419350238,"extension_field":"twenty-seven"}"#;
        let answer: IntrospectionResponse = serde_json::from_str(text).unwrap();
        assert!(answer.active);
        assert_eq!(answer.scope.as_deref(), Some("read write dolphin"));
        assert_eq!(answer.aud, ["https://protected.example.net/resource"]);
        assert_eq!(
            (answer.exp, answer.iat, answer.nbf),
            (Some(1_419_356_238), Some(1_419_350_238), None)
        );
        assert_eq!(answer.organization_access, None);
    }

    #[test]
    fn an_inactive_answer_says_nothing_else() {
        let json = serde_json::to_string(&IntrospectionResponse::inactive()).unwrap();
        assert_eq!(json, r#"{"active":false}"#);
    }

    #[test]
    fn what_is_written_is_read() {
        let answer = IntrospectionResponse {
            active: true,
            aud: vec![
                "https://a.example/fhir".to_owned(),
                "https://b.example/fhir".to_owned(),
            ],
            organization: Some("General Hospital".to_owned()),
            jurisdictions: vec!["MA".to_owned()],
            record_types: vec!["birth".to_owned(), "fetal-death".to_owned()],
            organization_access: Some("all".to_owned()),
            ..IntrospectionResponse::default()
        };
        let json = serde_json::to_string(&answer).unwrap();
        assert_eq!(
            serde_json::from_str::<IntrospectionResponse>(&json).unwrap(),
            answer
        );
        assert!(json.contains(r#""aud":["https://a.example/fhir","https://b.example/fhir"]"#));
    }

    #[test]
    fn refused_answers() {
        for text in [
            "{}",
            r#"{"active":"true"}"#,
            r#"{"active":1}"#,
            r#"{"active":true,"active":false}"#,
            r#"{"active":true,"exp":"1419356238"}"#,
            r#"{"active":true,"exp":1419356238.5}"#,
            r#"{"active":true,"aud":[1]}"#,
            r#"{"active":true,"aud":{"a":"b"}}"#,
            r#"{"active":true,"scope":["a"]}"#,
            r#"{"active":true,"jurisdictions":"MA"}"#,
            r#"{"active":true,"facilities":"1234567893"}"#,
            r#"{"active":true,"facilities":null}"#,
            r#"{"active":true,"facilities":[null]}"#,
            r#"{"active":true,"role":["clerk"]}"#,
            r#"{"active":true,"scope":"a","scope":"b"}"#,
        ] {
            assert!(
                serde_json::from_str::<IntrospectionResponse>(text).is_err(),
                "{text}"
            );
        }
    }
}
