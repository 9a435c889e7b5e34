//! Where the standards contradict each other, a client's profile decides; nothing else branches on it.

use oauth::jose::Algorithm;

use super::AssertionAudience;

/// The family of standards that a client follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// OAuth 2.1 with RFC 9700 and RFC 10070.
    #[default]
    Baseline,
}

/// What a profile decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What its assertions are addressed to unless the registration says otherwise.
    pub assertion_audience: AssertionAudience,
    /// What its assertions may be signed with unless the registration says otherwise.
    pub assertion_algorithms: &'static [Algorithm],
    /// Whether authorization requests have to be pushed (RFC 9126 section 6).
    pub pushed_requests_only: bool,
}

/// How a client speaks the protocol: its profile, and where its registration departs from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protocol {
    /// The family of standards.
    pub profile: Profile,
    /// Its assertions are signed with one of these; empty means the profile's.
    pub assertion_algorithms: Vec<Algorithm>,
    /// `introspection_signed_response_alg` (RFC 9701 section 6); absent means the server's first.
    pub introspection_signed_response_alg: Option<Algorithm>,
    /// `require_pushed_authorization_requests` (RFC 9126 section 6).
    pub require_pushed_authorization_requests: bool,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 1] = [Self::Baseline];

    /// `baseline`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// Its rules.
    #[must_use]
    pub fn rules(self) -> Rules {
        match self {
            Self::Baseline => Rules {
                assertion_audience: AssertionAudience::Issuer,
                assertion_algorithms: &Algorithm::ALL,
                pushed_requests_only: false,
            },
        }
    }
}

impl Protocol {
    /// What its assertions may be signed with.
    #[must_use]
    pub fn allowed_algorithms(&self) -> &[Algorithm] {
        if self.assertion_algorithms.is_empty() {
            self.profile.rules().assertion_algorithms
        } else {
            &self.assertion_algorithms
        }
    }

    /// Whether an authorization request that was not pushed is refused.
    #[must_use]
    pub fn pushed_requests_only(&self) -> bool {
        self.require_pushed_authorization_requests || self.profile.rules().pushed_requests_only
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_departs_from_its_profile_where_it_says_so() {
        let plain = Protocol::default();
        assert_eq!(plain.allowed_algorithms(), Algorithm::ALL);
        assert!(!plain.pushed_requests_only());
        let strict = Protocol {
            assertion_algorithms: vec![Algorithm::ES384],
            require_pushed_authorization_requests: true,
            ..Protocol::default()
        };
        assert_eq!(strict.allowed_algorithms(), [Algorithm::ES384]);
        assert!(strict.pushed_requests_only());
    }

    #[test]
    fn profiles_are_read_as_they_are_written() {
        for profile in Profile::ALL {
            assert_eq!(Profile::parse(profile.as_str()), Some(profile));
        }
        assert_eq!(Profile::parse("fapi3"), None);
    }
}
