//! How the pages look and whom they send people to: an organization's own name, colour, logo, help and notice.
//!
//! Texts are plain and are escaped where they are shown. Colour and logo are checked when they are read: a page that
//! nobody can read, or an image that is no image, is found before it is in use.

use std::fmt;

use oauth::Secret;

use crate::store::hexadecimal;

/// What an organization sets for its pages; all of it may be absent.
#[derive(Debug, Clone, Default)]
pub struct Branding {
    /// Stands in the header.
    pub logo: Option<Logo>,
    /// Buttons and links, where the browser shows light pages.
    pub accent_light: Option<Accent>,
    /// Buttons and links, where it shows dark ones.
    pub accent_dark: Option<Accent>,
    /// Whom to ask, at the foot of every page.
    pub help: Option<Words>,
    /// `https` address of a page that helps.
    pub help_url: Option<String>,
    /// Address to write to.
    pub help_email: Option<String>,
    /// Number to call.
    pub help_phone: Option<String>,
    /// What everybody reads before signing in (NIST SP 800-53 AC-8).
    pub legal_banner: Option<Words>,
}

/// A text in the languages of the pages.
#[derive(Debug, Clone)]
pub struct Words {
    /// The English text.
    pub english: String,
    /// The Spanish text; absent: the English one is shown.
    pub spanish: Option<String>,
}

/// An image that was checked.
#[derive(Clone)]
pub struct Logo {
    bytes: Vec<u8>,
    kind: Kind,
    path: String,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Svg,
    Png,
}

/// A colour that can be read on the pages that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accent {
    color: Color,
    hover: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Color(u8, u8, u8);

impl Logo {
    /// Checks an image: SVG or PNG, at most 100 KB.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn read(bytes: Vec<u8>) -> Result<Self, &'static str> {
        if bytes.len() > LOGO_BYTES {
            return Err("must have at most 100 KB");
        }
        let kind = if bytes.starts_with(PNG) {
            Kind::Png
        } else {
            svg(&bytes)?
        };
        let hash = Secret::received(hexadecimal(&bytes)).hash();
        let start = hash.as_bytes().get(..8).unwrap_or_default();
        let path = format!("/assets/logo-{}.{}", hexadecimal(start), kind.ending());
        Ok(Self { bytes, kind, path })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn media_type(&self) -> &'static str {
        match self.kind {
            Kind::Svg => "image/svg+xml",
            Kind::Png => "image/png",
        }
    }

    /// Its address, which changes with it.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

/// An SVG is a program: it is served where it can do nothing, and what it would need for more is refused here.
fn svg(bytes: &[u8]) -> Result<Kind, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is neither SVG nor PNG")?;
    let lower = text.to_ascii_lowercase();
    let start = lower.trim_start_matches('\u{feff}').trim_start();
    let begins = ["<svg", "<?xml", "<!--"];
    if !begins.iter().any(|it| start.starts_with(it)) || !lower.contains("<svg") {
        return Err("is neither SVG nor PNG");
    }
    let active = ["<script", "<!doctype", "<!entity", "<foreignobject"];
    if active.iter().any(|it| lower.contains(it)) {
        return Err("must be a plain SVG: without script, DOCTYPE, ENTITY and foreignObject");
    }
    Ok(Kind::Svg)
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logo").field("path", &self.path).finish()
    }
}

impl Kind {
    const fn ending(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
        }
    }
}

impl Accent {
    /// A colour, `#rrggbb`, for light pages.
    ///
    /// # Errors
    /// It cannot be read, or people could not read it: the contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3).
    pub fn light(text: &str) -> Result<Self, String> {
        let color = Color::parse(text)?;
        // As text on card and paper; under the white text of a button.
        color.reads_on(&LIGHT)?;
        let hover = color.mixed(Color(0, 0, 0), 25);
        Ok(Self { color, hover })
    }

    /// A colour, `#rrggbb`, for dark pages.
    ///
    /// # Errors
    /// As [`Accent::light`].
    pub fn dark(text: &str) -> Result<Self, String> {
        let color = Color::parse(text)?;
        color.reads_on(&DARK)?;
        let hover = color.mixed(Color(255, 255, 255), 30);
        Ok(Self { color, hover })
    }

    fn rule(self, scheme: &str) -> String {
        let Self { color, hover } = self;
        format!(
            "@media (prefers-color-scheme: {scheme}) {{ :root {{ --blue: {color}; --blue-dark: {hover}; }} }}\n"
        )
    }
}

impl Color {
    fn parse(text: &str) -> Result<Self, String> {
        let malformed = || format!("{text:?} must be a colour as #rrggbb");
        let digits = text.strip_prefix('#').ok_or_else(malformed)?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(malformed());
        }
        let number = u32::from_str_radix(digits, 16).map_err(|_| malformed())?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self(red, green, blue))
    }

    fn reads_on(self, grounds: &[Self]) -> Result<(), String> {
        let contrasts = grounds.iter().map(|ground| self.contrast(*ground));
        let worst = contrasts.fold(f64::INFINITY, f64::min);
        if worst < READABLE {
            let text = "has a contrast of";
            return Err(format!("{self} {text} {worst:.1} to 1, and must have 4.5"));
        }
        Ok(())
    }

    /// WCAG 2.2, "contrast ratio".
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        let channel = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(self.0) + 0.7152 * channel(self.1) + 0.0722 * channel(self.2)
    }

    fn mixed(self, other: Self, percent: u16) -> Self {
        let mix = |own: u8, other: u8| {
            let sum = u16::from(own) * (100 - percent) + u16::from(other) * percent;
            u8::try_from(sum / 100).unwrap_or(u8::MAX)
        };
        Self(
            mix(self.0, other.0),
            mix(self.1, other.1),
            mix(self.2, other.2),
        )
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

impl Branding {
    /// The rules that come after the style sheet; empty without a colour.
    pub(crate) fn style(&self) -> String {
        let rule = |accent: Option<Accent>, scheme| accent.map(|it| it.rule(scheme));
        let light = rule(self.accent_light, "light");
        let dark = rule(self.accent_dark, "dark");
        [light, dark].into_iter().flatten().collect()
    }

    /// Their address, which changes with them.
    pub(crate) fn style_path(&self) -> Option<String> {
        let style = self.style();
        if style.is_empty() {
            return None;
        }
        let hash = Secret::received(style).hash();
        let start = hash.as_bytes().get(..8).unwrap_or_default();
        Some(format!("/assets/accent-{}.css", hexadecimal(start)))
    }
}

/// What a text may be: something, not endless, and with no control characters but line feeds.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn check_text(text: &str) -> Result<(), &'static str> {
    if text.trim().is_empty() {
        return Err("must not be empty");
    }
    if text.chars().count() > TEXT {
        return Err("must have at most 4000 characters");
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err("must not have control characters");
    }
    Ok(())
}

const LOGO_BYTES: usize = 100_000;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const TEXT: usize = 4_000;
/// WCAG 2.2, 1.4.3.
const READABLE: f64 = 4.5;
/// What the style sheet has behind links, and upon buttons; a test holds them to it.
const LIGHT: [Color; 2] = [Color(0xff, 0xff, 0xff), Color(0xf4, 0xf6, 0xf8)];
const DARK: [Color; 3] = [
    Color(0x18, 0x21, 0x2b),
    Color(0x10, 0x16, 0x1d),
    Color(0x0b, 0x1a, 0x2b),
];

#[cfg(test)]
mod tests;
