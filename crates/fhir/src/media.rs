//! Media types of requests and answers (FHIR R4 http, section 3.1.0.1.11): JSON only.

use crate::outcome::{IssueCode, Refusal};

/// `Content-Type` of our FHIR answers.
pub const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";

/// Whether the client takes our JSON. `_format` in the query overrides `Accept`, of which there may
/// be several lines; without either anything is taken.
///
/// # Errors
/// 406 `not-supported` if only something else is wanted, XML for instance.
pub fn check_accept<'a>(
    query: Option<&str>,
    accept: impl IntoIterator<Item = &'a str>,
) -> Result<(), Refusal> {
    let formats = formats(query.unwrap_or_default());
    if !formats.is_empty() {
        let json = formats.iter().all(|format| is_json_format(format));
        return if json {
            Ok(())
        } else {
            Err(not_acceptable("_format"))
        };
    }
    let mut weights = Weights::default();
    for range in accept.into_iter().flat_map(|line| line.split(',')) {
        weights.add(range);
    }
    if weights.allow_json() {
        Ok(())
    } else {
        Err(not_acceptable("Accept"))
    }
}

/// Whether the body of a request is FHIR JSON in UTF-8. Without the header it would have to be
/// guessed.
///
/// # Errors
/// 415 `not-supported`.
pub fn check_content_type(content_type: Option<&str>) -> Result<(), Refusal> {
    let text = "the body must be application/fhir+json in UTF-8, and Content-Type must say so";
    check_type(content_type, is_json, text)
}

/// Whether the body of a `POST _search` is a form (FHIR R4 search, section 3.1.0.9).
///
/// # Errors
/// 415 `not-supported`.
pub fn check_form_content_type(content_type: Option<&str>) -> Result<(), Refusal> {
    let is_form = |essence: &str| essence == "application/x-www-form-urlencoded";
    let text =
        "the body must be application/x-www-form-urlencoded in UTF-8, and Content-Type must say so";
    check_type(content_type, is_form, text)
}

fn check_type(
    content_type: Option<&str>,
    expected: fn(&str) -> bool,
    text: &'static str,
) -> Result<(), Refusal> {
    let media_type = content_type.map(MediaType::parse);
    match media_type {
        Some(media_type)
            if expected(&media_type.essence) && media_type.is_utf8() && media_type.is_r4() =>
        {
            Ok(())
        }
        _ => Err(Refusal::new(415, IssueCode::NotSupported, text).of_http("Content-Type")),
    }
}

fn not_acceptable(by: &str) -> Refusal {
    let text = "only application/fhir+json (FHIR R4) is offered";
    Refusal::new(406, IssueCode::NotSupported, text).of_http(by)
}

/// What `_format` asks for; usually one.
fn formats(query: &str) -> Vec<String> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let formats = pairs
        .filter(|(name, _)| name == "_format")
        .map(|(_, value)| value);
    // An unescaped `+` of `application/fhir+json` arrives as a space.
    formats.map(|value| value.replace(' ', "+")).collect()
}

fn is_json_format(format: &str) -> bool {
    let media_type = MediaType::parse(format);
    media_type.essence == "json" || (is_json(&media_type.essence) && media_type.is_r4())
}

fn is_json(essence: &str) -> bool {
    // The last is what text-based tools and older FHIR clients say.
    matches!(
        essence,
        "application/fhir+json" | "application/json" | "text/json" | "application/json+fhir"
    )
}

/// A media type with the two parameters that matter here.
struct MediaType {
    essence: String,
    charset: Option<String>,
    fhir_version: Option<String>,
    /// In thousandths (RFC 9110 section 12.4.2); `None` if absent or unreadable.
    weight: Option<u16>,
}

impl MediaType {
    fn parse(text: &str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let mut media_type = Self {
            essence,
            charset: None,
            fhir_version: None,
            weight: None,
        };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"').to_ascii_lowercase();
            match name.trim().to_ascii_lowercase().as_str() {
                "charset" => media_type.charset = Some(value),
                "fhirversion" => media_type.fhir_version = Some(value),
                "q" => media_type.weight = weight(&value),
                _ => {}
            }
        }
        media_type
    }

    fn is_utf8(&self) -> bool {
        self.charset
            .as_deref()
            .is_none_or(|charset| matches!(charset, "utf-8" | "utf8"))
    }

    /// FHIR R4 http, section 3.1.0.1.12: 4.0 is R4.
    fn is_r4(&self) -> bool {
        self.fhir_version
            .as_deref()
            .is_none_or(|version| matches!(version, "4.0" | "4.0.1"))
    }
}

/// The highest weight given to JSON at each level; the most specific level counts (RFC 9110
/// section 12.5.1).
#[derive(Default)]
struct Weights {
    json: Option<u16>,
    application: Option<u16>,
    any: Option<u16>,
    /// Whether anything at all was asked for.
    asked: bool,
}

impl Weights {
    fn add(&mut self, range: &str) {
        let media_type = MediaType::parse(range);
        if media_type.essence.is_empty() {
            return;
        }
        self.asked = true;
        let level = match media_type.essence.as_str() {
            "*/*" => &mut self.any,
            "application/*" => &mut self.application,
            essence if is_json(essence) && media_type.is_r4() => &mut self.json,
            _ => return,
        };
        *level = (*level).max(Some(media_type.weight.unwrap_or(1_000)));
    }

    fn allow_json(&self) -> bool {
        !self.asked
            || self
                .json
                .or(self.application)
                .or(self.any)
                .is_some_and(|weight| weight > 0)
    }
}

fn weight(text: &str) -> Option<u16> {
    let weight: f32 = text.parse().ok()?;
    // Between 0 and 1000, so nothing is cut off.
    (0.0..=1.0)
        .contains(&weight)
        .then_some((weight * 1_000.0) as u16)
}

#[cfg(test)]
mod tests;
