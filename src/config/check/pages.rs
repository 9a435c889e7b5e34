//! Mistakes of `[pages]`: what nobody could read, what is no image, what is no address.

use authorization_server::{Accent, Logo, check_text};

use super::Found;

impl Found<'_> {
    pub(super) fn pages(&mut self) {
        let pages = &self.loaded.config.pages;
        if let Some(file) = &pages.logo_file {
            self.usable(file, false, |path| {
                let logo = Logo::read(std::fs::read(path)?);
                logo.map(drop)
                    .map_err(|why| anyhow::anyhow!("logo_file {why}"))
            });
        }
        let (light, dark) = (&pages.accent_color.light, &pages.accent_color.dark);
        let light = light.as_deref().map(Accent::light);
        let dark = dark.as_deref().map(Accent::dark);
        for (key, accent) in [("light", light), ("dark", dark)] {
            if let Some(Err(why)) = accent {
                self.key("pages", "accent_color", &format!("{key}: {why}"));
            }
        }
        let texts = [
            ("name", &pages.name),
            ("help", &pages.help),
            ("help_es", &pages.help_es),
            ("legal_banner", &pages.legal_banner),
            ("legal_banner_es", &pages.legal_banner_es),
        ];
        for (key, text) in texts {
            if let Some(Err(why)) = text.as_deref().map(check_text) {
                self.key("pages", key, why);
            }
        }
        for (english, spanish, key) in [
            (&pages.help, &pages.help_es, "help_es"),
            (
                &pages.legal_banner,
                &pages.legal_banner_es,
                "legal_banner_es",
            ),
        ] {
            if english.is_none() && spanish.is_some() {
                self.key("pages", key, "needs the English text beside it");
            }
        }
        if pages.help_email.as_deref().is_some_and(|it| !is_email(it)) {
            self.key("pages", "help_email", "must be an address as name@host");
        }
        if pages.help_phone.as_deref().is_some_and(|it| !is_phone(it)) {
            let text = "must be digits, spaces, hyphens, dots, brackets and a leading +";
            self.key("pages", "help_phone", text);
        }
    }
}

/// What a `mailto:` can hold without anything else in it: no second recipient, no subject.
fn is_email(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-@".contains(&byte);
    let parts = text.split_once('@');
    text.bytes().all(allowed)
        && parts.is_some_and(|(name, host)| {
            !name.is_empty() && host.contains('.') && !host.contains('@')
        })
}

fn is_phone(text: &str) -> bool {
    let rest = text.strip_prefix('+').unwrap_or(text);
    let allowed = |byte: u8| byte.is_ascii_digit() || b" -.()".contains(&byte);
    rest.bytes().all(allowed) && rest.bytes().filter(u8::is_ascii_digit).count() >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_nothing_else() {
        assert!(is_email("desk@help.example") && is_email("a.b+c@x.y.example"));
        for not in [
            "",
            "a",
            "@b.example",
            "a@b",
            "a@b.example?cc=x@y.z",
            "a@b.example,c@d.e",
            "a b@c.d",
            "a@b@c.d",
        ] {
            assert!(!is_email(not), "{not}");
        }
        assert!(is_phone("+1 (555) 010-0100") && is_phone("311"));
        for not in ["", "+", "12", "1+555", "555;ext=1", "call me"] {
            assert!(!is_phone(not), "{not}");
        }
    }
}
