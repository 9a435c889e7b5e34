//! What a sign-in proved, and what a request asks of it: `acr` and `acr_values` (OpenID Connect Core section 3.1.2.1,
//! RFC 9470). No I/O.

/// What a sign-in proved, the weakest first: what proves more counts where less is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Assurance {
    /// A password (SP 800-63B, AAL1).
    Aal1,
    /// A password and a second factor (SP 800-63B, AAL2).
    Aal2,
    /// A passkey that has verified its person: AAL2, and of no use on a page that only looks like ours.
    PhishingResistant,
}

impl Assurance {
    pub(crate) const ALL: [Self; 3] = [Self::Aal1, Self::Aal2, Self::PhishingResistant];

    /// As `acr` says it. `phr` is the registered name for "phishing-resistant" (OpenID Connect EAP ACR Values).
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::PhishingResistant => "phr",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// Whether a second factor was part of it.
    pub(crate) fn has_second_factor(self) -> bool {
        self >= Self::Aal2
    }
}

/// `acr_values` of a request: `None` where nothing is asked for, else the ones that are known here, the preferred one
/// first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AcrValues(Option<Vec<Assurance>>);

/// Whether a sign-in is enough for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is; this is what the tokens say of it.
    Enough(Assurance),
    /// At least this would be.
    StepUp(Assurance),
    /// None of what is asked for is known here.
    Impossible,
}

impl AcrValues {
    /// Reads the parameter. What is not known here is left out.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let Some(text) = text else {
            return Self(None);
        };
        let mut known = Vec::new();
        for value in text.split(' ').filter_map(Assurance::parse) {
            if !known.contains(&value) {
                known.push(value);
            }
        }
        Self(Some(known))
    }

    /// As a column holds it.
    pub(crate) fn stored(&self) -> Option<String> {
        let names = |values: &Vec<Assurance>| {
            let names: Vec<&str> = values.iter().map(|value| value.as_str()).collect();
            names.join(" ")
        };
        self.0.as_ref().map(names)
    }

    /// Whether nothing of what is asked for is known here.
    pub(crate) fn is_impossible(&self) -> bool {
        self.0.as_ref().is_some_and(Vec::is_empty)
    }

    /// The first value that was proved is the answer: who asked for it compares names and knows no order.
    pub(crate) fn decide(&self, proved: Assurance) -> Decision {
        let Some(asked) = &self.0 else {
            return Decision::Enough(proved);
        };
        if let Some(value) = asked.iter().find(|value| **value <= proved) {
            return Decision::Enough(*value);
        }
        let least = asked.iter().min().copied();
        least.map_or(Decision::Impossible, Decision::StepUp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Assurance::{Aal1, Aal2, PhishingResistant};
    use Decision::{Enough, Impossible, StepUp};

    #[test]
    fn what_is_enough_for_what() {
        let rows: [(Option<&str>, [Decision; 3]); 14] = [
            (
                None,
                [Enough(Aal1), Enough(Aal2), Enough(PhishingResistant)],
            ),
            (Some("aal1"), [Enough(Aal1); 3]),
            (Some("aal2"), [StepUp(Aal2), Enough(Aal2), Enough(Aal2)]),
            (
                Some("phr"),
                [
                    StepUp(PhishingResistant),
                    StepUp(PhishingResistant),
                    Enough(PhishingResistant),
                ],
            ),
            // The preferred one first, and any one is enough.
            (
                Some("phr aal2"),
                [StepUp(Aal2), Enough(Aal2), Enough(PhishingResistant)],
            ),
            (Some("aal2 phr"), [StepUp(Aal2), Enough(Aal2), Enough(Aal2)]),
            (
                Some("phr aal1"),
                [Enough(Aal1), Enough(Aal1), Enough(PhishingResistant)],
            ),
            (
                Some("aal2 aal1"),
                [Enough(Aal1), Enough(Aal2), Enough(Aal2)],
            ),
            // What is not known is left out beside what is.
            (
                Some("urn:other phr urn:more"),
                [
                    StepUp(PhishingResistant),
                    StepUp(PhishingResistant),
                    Enough(PhishingResistant),
                ],
            ),
            (
                Some("aal2 aal2"),
                [StepUp(Aal2), Enough(Aal2), Enough(Aal2)],
            ),
            (Some("urn:other"), [Impossible; 3]),
            (Some("AAL2"), [Impossible; 3]),
            (Some("aal2,phr"), [Impossible; 3]),
            (Some("  "), [Impossible; 3]),
        ];
        for (text, expected) in rows {
            let values = AcrValues::parse(text);
            let found = Assurance::ALL.map(|proved| values.decide(proved));
            assert_eq!(found, expected, "{text:?}");
            assert_eq!(values.is_impossible(), expected == [Impossible; 3]);
        }
    }

    #[test]
    fn what_is_stored_is_read() {
        for text in [None, Some(""), Some("phr"), Some("phr aal1 aal2")] {
            let values = AcrValues::parse(text);
            assert_eq!(values.stored().as_deref(), text);
        }
        assert_eq!(
            AcrValues::parse(Some("x aal1")).stored().as_deref(),
            Some("aal1")
        );
    }

    #[test]
    fn the_order_is_that_of_what_is_proved() {
        assert!(Aal1 < Aal2 && Aal2 < PhishingResistant);
        let with: Vec<bool> = Assurance::ALL.map(Assurance::has_second_factor).to_vec();
        assert_eq!(with, [false, true, true]);
        assert_eq!(Assurance::parse("second"), None);
    }
}
