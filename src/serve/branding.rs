//! The looks of the authorization server's pages, from `[pages]`.

use anyhow::{Context, anyhow};
use authorization_server::{Accent, Branding, Logo, Words};

use crate::config::Loaded;

/// Reads them, with the logo's file.
pub(super) fn branding(loaded: &Loaded) -> anyhow::Result<Branding> {
    let pages = &loaded.config.pages;
    let logo = pages.logo_file.as_ref().map(|file| {
        let path = loaded.path(file.get_ref());
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Logo::read(bytes).map_err(|why| anyhow!("logo_file {why}"))
    });
    let accent = |text: &Option<String>, read: fn(&str) -> Result<Accent, String>| {
        let read = text.as_deref().map(read).transpose();
        read.map_err(|why| anyhow!("accent_color {why}"))
    };
    let words = |english: &Option<String>, spanish: &Option<String>| {
        english.clone().map(|english| Words {
            english,
            spanish: spanish.clone(),
        })
    };
    Ok(Branding {
        logo: logo.transpose()?,
        accent_light: accent(&pages.accent_color.light, Accent::light)?,
        accent_dark: accent(&pages.accent_color.dark, Accent::dark)?,
        help: words(&pages.help, &pages.help_es),
        help_url: pages.help_url.as_ref().map(|url| url.to_string()),
        help_email: pages.help_email.clone(),
        help_phone: pages.help_phone.clone(),
        legal_banner: words(&pages.legal_banner, &pages.legal_banner_es),
    })
}
