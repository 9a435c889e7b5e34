//! What every page shows around its own: the party, the language, the help.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::post;

use super::language::{COOKIE, Language};
use super::{Problem, settle};
use super::{answer, script};
use crate::AuthorizationServer;
use crate::branding::{Branding, Logo, Words};
use crate::caller::Caller;
use crate::login::{Body, form};

pub(super) fn routes() -> Router<AuthorizationServer> {
    Router::new().route("/language", post(choose))
}

/// The surroundings of a page.
pub(crate) struct View<'a> {
    pub(crate) server: &'a AuthorizationServer,
    /// What it speaks.
    pub(crate) l: Language,
    /// Where the same page is shown again, in the other language; `None` on pages that are shown once.
    here: Option<String>,
}

impl<'a> View<'a> {
    pub(crate) fn new(server: &'a AuthorizationServer, caller: &Caller) -> Self {
        Self {
            server,
            l: caller.language,
            here: None,
        }
    }

    /// Where the page is shown again, in our own words: nothing that came with the request is repeated.
    pub(crate) fn at(mut self, here: impl Into<String>) -> Self {
        self.here = Some(here.into());
        self
    }

    pub(super) fn style(&self) -> &'static str {
        answer::style_path()
    }

    pub(super) fn script(&self) -> &'static str {
        script::passkey_path()
    }

    pub(super) fn name(&self) -> &str {
        &self.server.config().display_name
    }

    /// The organization's colours, after the style sheet.
    pub(super) fn accent(&self) -> Option<String> {
        self.branding().style_path()
    }

    pub(super) fn logo(&self) -> Option<&str> {
        self.branding().logo.as_ref().map(Logo::path)
    }

    pub(super) fn branding(&self) -> &Branding {
        &self.server.config().branding
    }

    /// A text of the organization's, in the language of the page if it has one.
    pub(super) fn words<'w>(&self, words: &'w Words) -> &'w str {
        let spanish = words.spanish.as_deref();
        match self.l {
            Language::Spanish => spanish.unwrap_or(&words.english),
            Language::English => &words.english,
        }
    }

    /// A telephone number without what only people read.
    pub(super) fn dialled(&self, phone: &str) -> String {
        let dialled = |c: &char| c.is_ascii_digit() || *c == '+';
        phone.chars().filter(dialled).collect()
    }

    /// Whether there is anybody to ask.
    pub(super) fn has_help(&self) -> bool {
        let it = self.branding();
        it.help.is_some()
            || it.help_url.is_some()
            || it.help_email.is_some()
            || it.help_phone.is_some()
    }

    pub(super) fn here(&self) -> Option<&str> {
        self.here.as_deref()
    }
}

/// Takes a choice of language, and shows the same page again.
async fn choose(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let parameters = form(&server, &headers, body)?;
        let language = parameters.get("language").and_then(Language::parse);
        let language = language.ok_or(Problem::MalformedRequest)?;
        let here = parameters.get("here").filter(|here| is_ours(here));
        let mut response = answer::see_other(here.unwrap_or("/login"));
        let cookie = format!(
            "{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000",
            language.code()
        );
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    };
    settle(page.await, &server, &caller).await
}

/// A path of this origin, and nothing that a browser could take for another origin (RFC 9700 section 4.11.2):
/// `//host`, `/\host`, and both with characters in between that browsers drop.
fn is_ours(here: &str) -> bool {
    let mut characters = here.chars();
    characters.next() == Some('/')
        && !matches!(characters.next(), Some('/' | '\\'))
        && here
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_of_language_leads_nowhere_else() {
        for ours in ["/", "/login", "/login?request=a-b&x=%2F", "/account?done=x"] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in [
            "",
            "login",
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            " /login",
            "/login\r\nset-cookie: a=b",
            "/a\\b",
            "javascript:alert(1)",
            "/é",
        ] {
            assert!(!is_ours(other), "{other:?}");
        }
    }
}
