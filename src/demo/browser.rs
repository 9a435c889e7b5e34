//! The browser that the demonstration plays: it keeps cookies, follows redirects, reads forms and posts them.
//!
//! It does what a browser does and nothing that one could not: it learns every address from a page or a
//! redirect, and it sends what the page's form holds.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use outbound::header::{COOKIE, HeaderName, HeaderValue, LOCATION, ORIGIN, SET_COOKIE};
use outbound::{Outbound, Purpose, Request, Response};
use url::Url;

/// A browser with one window and its cookies.
pub struct Browser {
    outbound: Outbound,
    /// By host: cookies ignore the port (RFC 6265 section 8.5).
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

/// A page that was shown.
pub struct Page {
    /// Its address.
    pub address: Url,
    /// Its status.
    pub status: u16,
    /// Its text.
    pub html: String,
}

/// A form on a page, filled in.
pub struct Form {
    action: Url,
    fields: Vec<(String, String)>,
}

impl Browser {
    /// A new window; `outbound` is how it reaches the network.
    pub fn new(outbound: Outbound) -> Self {
        Self {
            outbound,
            cookies: BTreeMap::new(),
        }
    }

    /// Opens `address`, following redirects to the page that is shown at last.
    pub async fn open(&mut self, address: Url) -> anyhow::Result<Page> {
        self.go(Request::get(address, Purpose::Page)).await
    }

    /// Submits a form.
    pub async fn submit(&mut self, form: Form) -> anyhow::Result<Page> {
        self.go(form.into_request()?).await
    }

    /// Submits a form and stops at the redirect that leaves for `stop`: answers its address.
    pub async fn submit_until(&mut self, form: Form, stop: &Url) -> anyhow::Result<Url> {
        match self.follow(form.into_request()?, Some(stop)).await? {
            Landing::Stopped(address) => Ok(address),
            Landing::Page(page) => bail!(
                "{} {} instead of a redirect",
                page.status,
                page.address.path()
            ),
        }
    }

    async fn go(&mut self, request: Request) -> anyhow::Result<Page> {
        match self.follow(request, None).await? {
            Landing::Page(page) => Ok(page),
            Landing::Stopped(address) => bail!("stopped at {address}"),
        }
    }

    async fn follow(
        &mut self,
        mut request: Request,
        stop: Option<&Url>,
    ) -> anyhow::Result<Landing> {
        for _ in 0..REDIRECTS {
            let address = request.url.clone();
            let response = self.send(request).await?;
            let Some(location) = redirect(&response) else {
                let html = String::from_utf8_lossy(&response.body).into_owned();
                let status = response.status.as_u16();
                return Ok(Landing::Page(Page {
                    address,
                    status,
                    html,
                }));
            };
            let next = address.join(location).context("an unreadable redirect")?;
            if stop.is_some_and(|stop| same_place(&next, stop)) {
                return Ok(Landing::Stopped(next));
            }
            // 303 See Other: the next request is a GET, whatever this one was.
            request = Request::get(next, Purpose::Page);
        }
        bail!("more than {REDIRECTS} redirects")
    }

    async fn send(&mut self, mut request: Request) -> anyhow::Result<Response> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let jar = self.cookies.entry(host).or_default();
        if !jar.is_empty() {
            let cookies: Vec<String> = jar
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(COOKIE, HeaderValue::from_str(&cookies.join("; "))?);
        }
        let response = self.outbound.send(request).await?;
        for cookie in response.headers.get_all(SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(response)
    }
}

/// Where a chain of redirects ended.
enum Landing {
    /// On a page.
    Page(Page),
    /// On the way to the address where it was told to stop.
    Stopped(Url),
}

impl Page {
    /// The page's form that posts to a path ending in `path`, with its hidden fields.
    pub fn form(&self, path: &str) -> anyhow::Result<Form> {
        for tag in tags(&self.html, "form") {
            let action =
                attribute(tag.text, "action").unwrap_or_else(|| self.address.path().to_owned());
            let action = self.address.join(&action)?;
            if !action.path().ends_with(path) {
                continue;
            }
            let rest = self.html.get(tag.end..).unwrap_or_default();
            let inside = rest
                .find("</form")
                .and_then(|end| rest.get(..end))
                .unwrap_or(rest);
            let hidden = tags(inside, "input")
                .filter(|input| attribute(input.text, "type").as_deref() == Some("hidden"))
                .filter_map(|input| {
                    Some((
                        attribute(input.text, "name")?,
                        attribute(input.text, "value").unwrap_or_default(),
                    ))
                });
            return Ok(Form {
                action,
                fields: hidden.collect(),
            });
        }
        bail!(
            "{} {} shows no form for {path}",
            self.status,
            self.address.path()
        )
    }
}

impl Form {
    /// Fills in a field or presses a named button.
    #[must_use]
    pub fn fill(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    fn into_request(self) -> anyhow::Result<Request> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.fields)
            .finish();
        let origin = HeaderValue::from_str(&self.action.origin().ascii_serialization())?;
        // What every current browser sends with a form of the page's own origin.
        Ok(Request::post(
            self.action,
            Purpose::Page,
            "application/x-www-form-urlencoded",
            body.into_bytes(),
        )
        .header(ORIGIN, origin)
        .header(
            HeaderName::from_static("sec-fetch-site"),
            HeaderValue::from_static("same-origin"),
        ))
    }
}

fn redirect(response: &Response) -> Option<&str> {
    if response.status.is_redirection() {
        response.header(&LOCATION)
    } else {
        None
    }
}

fn same_place(address: &Url, stop: &Url) -> bool {
    address.origin() == stop.origin() && address.path() == stop.path()
}

struct Tag<'a> {
    text: &'a str,
    end: usize,
}

/// The start tags `<name …>` of a page, in order.
fn tags<'a>(html: &'a str, name: &'a str) -> impl Iterator<Item = Tag<'a>> {
    html.match_indices('<').filter_map(move |(at, _)| {
        let rest = html.get(at + 1..)?;
        let after = rest.strip_prefix(name)?;
        if !after.starts_with([' ', '>', '\n']) {
            return None;
        }
        let length = after.find('>')?;
        Some(Tag {
            text: after.get(..length)?,
            end: at + 1 + name.len() + length + 1,
        })
    })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag
        .find(&format!(" {name}=\""))
        .or_else(|| tag.find(&format!("\n{name}=\"")))?;
    let value = tag.get(start + name.len() + 3..)?;
    Some(unescape(value.get(..value.find('"')?)?))
}

fn unescape(text: &str) -> String {
    text.replace("&#38;", "&")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#x27;", "'")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&#60;", "<")
        .replace("&gt;", ">")
        .replace("&#62;", ">")
        .replace("&amp;", "&")
}

/// Chromium stops after 20.
const REDIRECTS: usize = 20;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_form_is_found_by_its_action_with_its_hidden_fields_and_no_others() {
        let page = Page {
            address: Url::parse("https://localhost:1/login").unwrap(),
            status: 200,
            html: r#"<form method="post" action="/other"><input type="hidden" name="a" value="1"></form>
                <form class="x" method="post" action="/login"><input type="hidden" name="csrf" value="&quot;&amp;">
                <input name="username" type="text"></form><input type="hidden" name="outside" value="2">"#
                .to_owned(),
        };
        let form = page.form("/login").unwrap();
        assert_eq!(form.action.as_str(), "https://localhost:1/login");
        assert_eq!(form.fields, [("csrf".to_owned(), "\"&".to_owned())]);
        assert!(page.form("/consent").is_err());
    }
}
