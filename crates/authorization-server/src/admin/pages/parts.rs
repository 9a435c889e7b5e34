//! What the pages are made of: tables, descriptions, forms, and the page that shows what an act will do.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use oauth::Parameters;

use super::visit::Desk;
use crate::administration::decision::Operation;
use crate::pages::{self, Language, View};

/// One cell of a table, or one value of a description.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) href: Option<String>,
    /// Colour of a mark: `good`, `bad`, `quiet`; none: plain text.
    pub(super) mark: Option<&'static str>,
    /// To be read letter by letter.
    pub(super) code: bool,
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    pub(super) fn code(text: impl Into<String>) -> Self {
        Self {
            code: true,
            ..Self::text(text)
        }
    }

    pub(super) fn link(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self {
            href: Some(href.into()),
            ..Self::text(text)
        }
    }

    pub(super) fn mark(kind: &'static str, text: &str) -> Self {
        Self {
            mark: Some(kind),
            ..Self::text(text)
        }
    }

    /// A text that may be absent.
    pub(super) fn maybe(text: Option<&str>) -> Self {
        Self::text(text.unwrap_or("–"))
    }
}

/// A table. The first column names the row.
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// Said where there is no row.
    pub(super) empty: String,
}

impl Table {
    /// Whether it has more columns than fit in letters of the usual size.
    fn is_dense(&self) -> bool {
        self.columns.len() > 7
    }

    /// The name of a column, for who sees one column only.
    fn label(&self, index: &usize) -> &str {
        self.columns.get(*index).map_or("", String::as_str)
    }
}

/// A heading with names and values.
pub(super) struct Section {
    pub(super) heading: String,
    pub(super) values: Vec<(String, Cell)>,
}

/// A way to another page.
pub(super) struct Way {
    pub(super) href: String,
    pub(super) text: String,
    /// `button`, `second`, `danger`.
    pub(super) kind: &'static str,
}

/// One field of a form.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) value: String,
    pub(super) hint: Option<String>,
    pub(super) required: bool,
    pub(super) kind: Kind,
    pub(super) error: Option<String>,
}

pub(super) enum Kind {
    Text,
    Date,
    /// Value and words of each choice.
    Choice(Vec<(String, String)>),
    /// Name, words and whether it is on, of each box.
    Boxes(Vec<(String, String, bool)>),
}

impl Field {
    pub(super) fn text(name: &str, label: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            value: value.into(),
            hint: None,
            required: false,
            kind: Kind::Text,
            error: None,
        }
    }

    pub(super) fn choice(
        name: &str,
        label: &str,
        value: impl Into<String>,
        choices: Vec<(String, String)>,
    ) -> Self {
        Self {
            kind: Kind::Choice(choices),
            ..Self::text(name, label, value)
        }
    }

    pub(super) fn boxes(name: &str, label: &str, boxes: Vec<(String, String, bool)>) -> Self {
        Self {
            kind: Kind::Boxes(boxes),
            ..Self::text(name, label, "")
        }
    }

    pub(super) fn hint(self, hint: &str) -> Self {
        Self {
            hint: Some(hint.to_owned()),
            ..self
        }
    }

    pub(super) fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    fn is(&self, value: &str) -> bool {
        self.value == value
    }

    fn is_date(&self) -> bool {
        matches!(self.kind, Kind::Date)
    }

    fn describes(&self) -> String {
        let hint = self.hint.as_ref().map(|_| format!("{}-hint", self.name));
        let error = self.error.as_ref().map(|_| format!("{}-error", self.name));
        let both: Vec<String> = hint.into_iter().chain(error).collect();
        both.join(" ")
    }

    /// What the summary of errors leads to.
    fn anchor(&self) -> &str {
        match &self.kind {
            Kind::Boxes(boxes) => boxes.first().map_or(&self.name, |(name, ..)| name),
            _ => &self.name,
        }
    }
}

/// A page with a list.
pub(super) struct List {
    pub(super) heading: String,
    pub(super) text: String,
    pub(super) filters: Vec<Field>,
    pub(super) table: Table,
    pub(super) ways: Vec<Way>,
    /// The address of the next part of the list.
    pub(super) next: Option<String>,
    /// Whether this is not the first part.
    pub(super) later: bool,
    pub(super) done: Option<String>,
}

/// A page about one thing.
pub(super) struct Detail {
    pub(super) heading: String,
    pub(super) back: (String, String),
    pub(super) mark: Option<Cell>,
    pub(super) sections: Vec<Section>,
    pub(super) tables: Vec<Table>,
    pub(super) ways: Vec<Way>,
    pub(super) done: Option<String>,
}

/// A page with a form.
pub(super) struct Form {
    pub(super) heading: String,
    pub(super) text: String,
    pub(super) fields: Vec<Field>,
    pub(super) hidden: Vec<(String, String)>,
    pub(super) button: String,
    pub(super) back: (String, String),
    /// What is wrong beyond a field.
    pub(super) error: Option<String>,
}

/// The page that shows what an act will do, before it is done.
pub(super) struct Confirm {
    pub(super) heading: String,
    pub(super) text: String,
    pub(super) effects: Vec<String>,
    /// What, before, after.
    pub(super) changes: Vec<(String, String, String)>,
    pub(super) hidden: Vec<(String, String)>,
    pub(super) button: String,
    pub(super) danger: bool,
    pub(super) back: (String, String),
}

/// The page that shows a secret, once.
pub(super) struct Shown {
    pub(super) heading: String,
    pub(super) text: String,
    pub(super) name: String,
    pub(super) secret: String,
    pub(super) next: (String, String),
}

/// One entry of the navigation.
pub(super) struct Tab {
    href: &'static str,
    text: String,
    current: bool,
}

/// What every page has around its own.
pub(super) struct Frame<'a> {
    view: View<'a>,
    tabs: Vec<Tab>,
    username: String,
    csrf_token: String,
    path: String,
}

impl Desk<'_> {
    fn frame(&self) -> Frame<'_> {
        let (l, path) = (self.l(), self.visit.path());
        let tabs = TABS
            .into_iter()
            .filter(|(_, _, operation)| operation.is_none_or(|it| self.may(it)));
        let tabs = tabs.map(|(href, text, _)| Tab {
            href,
            text: l.t(text).to_owned(),
            current: is_under(path, href),
        });
        Frame {
            view: self.visit.view(),
            tabs: tabs.collect(),
            username: self.session.owner.username.clone(),
            csrf_token: self.csrf_token.clone(),
            path: path.to_owned(),
        }
    }

    pub(super) fn list(&self, list: &List) -> Response {
        let frame = &self.frame();
        let view = &frame.view;
        pages::own(StatusCode::OK, ListPage { view, frame, list }.render())
    }

    pub(super) fn detail(&self, detail: &Detail) -> Response {
        let frame = &self.frame();
        let view = &frame.view;
        let page = DetailPage {
            view,
            frame,
            detail,
        };
        pages::own(StatusCode::OK, page.render())
    }

    /// The form; where something is wrong with it, 400, or 409 for what is wrong beyond it.
    pub(super) fn form(&self, form: &Form) -> Response {
        let wrong: Vec<&Field> = form.fields.iter().filter(|it| it.error.is_some()).collect();
        let status = if !wrong.is_empty() {
            StatusCode::BAD_REQUEST
        } else if form.error.is_some() {
            StatusCode::CONFLICT
        } else {
            StatusCode::OK
        };
        let frame = &self.frame();
        let view = &frame.view;
        let page = FormPage {
            view,
            frame,
            form,
            wrong,
        };
        pages::own(status, page.render())
    }

    pub(super) fn confirm(&self, confirm: &Confirm) -> Response {
        let frame = &self.frame();
        let view = &frame.view;
        let page = ConfirmPage {
            view,
            frame,
            confirm,
        };
        pages::own(StatusCode::OK, page.render())
    }

    pub(super) fn shown(&self, shown: &Shown) -> Response {
        let frame = &self.frame();
        // Not shown again in another language: the form of that would lose it.
        let view = &View::new(&self.visit.server, &self.visit.caller);
        pages::own(StatusCode::OK, ShownPage { view, frame, shown }.render())
    }

    pub(super) fn overview(&self, overview: &Overview) -> Response {
        let frame = &self.frame();
        let view = &frame.view;
        let page = OverviewPage {
            view,
            frame,
            overview,
        };
        pages::own(StatusCode::OK, page.render())
    }
}

/// The first page.
pub(super) struct Overview {
    pub(super) text: String,
    pub(super) cards: Vec<Card>,
}

/// One area, with what is worth knowing of it.
pub(super) struct Card {
    pub(super) href: &'static str,
    pub(super) name: String,
    pub(super) figure: Option<String>,
    pub(super) text: String,
}

fn is_under(path: &str, href: &str) -> bool {
    if href == "/admin" {
        return path == href;
    }
    path.strip_prefix(href)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `MA, NH` or `MA NH` as a list.
pub(super) fn words_of(parameters: &Parameters, name: &str) -> Vec<String> {
    let text = parameters.get(name).unwrap_or_default();
    let words = text.split([',', ' ', '\t']).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// A text that is there, without space around it.
pub(super) fn text_of(parameters: &Parameters, name: &str) -> Option<String> {
    let text = parameters.get(name).map(str::trim);
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// All that was posted but what the next page makes anew.
pub(super) fn hidden(parameters: &Parameters, names: &[&str]) -> Vec<(String, String)> {
    let value = |name: &&str| {
        let value = parameters.get(name)?;
        Some(((*name).to_owned(), value.to_owned()))
    };
    names.iter().filter_map(value).collect()
}

pub(super) fn yes_or_no(l: Language, yes: bool) -> String {
    l.t(if yes { "yes" } else { "no" }).to_owned()
}

const TABS: [(&str, &str, Option<Operation>); 8] = [
    ("/admin", "Overview", None),
    ("/admin/users", "People", Some(Operation::UserList)),
    (
        "/admin/clients",
        "Applications",
        Some(Operation::ClientList),
    ),
    (
        "/admin/resource-servers",
        "Resource servers",
        Some(Operation::ResourceServerList),
    ),
    ("/admin/issuers", "Issuers", Some(Operation::IssuerList)),
    ("/admin/keys", "Keys", Some(Operation::KeyList)),
    ("/admin/sessions", "Sessions", Some(Operation::SessionList)),
    ("/admin/audit", "Audit", Some(Operation::AuditSearch)),
];

#[derive(Template)]
#[template(path = "admin/list.html")]
struct ListPage<'a> {
    view: &'a View<'a>,
    frame: &'a Frame<'a>,
    list: &'a List,
}

#[derive(Template)]
#[template(path = "admin/detail.html")]
struct DetailPage<'a> {
    view: &'a View<'a>,
    frame: &'a Frame<'a>,
    detail: &'a Detail,
}

#[derive(Template)]
#[template(path = "admin/form.html")]
struct FormPage<'a> {
    view: &'a View<'a>,
    frame: &'a Frame<'a>,
    form: &'a Form,
    wrong: Vec<&'a Field>,
}

#[derive(Template)]
#[template(path = "admin/confirm.html")]
struct ConfirmPage<'a> {
    view: &'a View<'a>,
    frame: &'a Frame<'a>,
    confirm: &'a Confirm,
}

#[derive(Template)]
#[template(path = "admin/shown.html")]
struct ShownPage<'a> {
    view: &'a View<'a>,
    frame: &'a Frame<'a>,
    shown: &'a Shown,
}

#[derive(Template)]
#[template(path = "admin/overview.html")]
struct OverviewPage<'a> {
    view: &'a View<'a>,
    frame: &'a Frame<'a>,
    overview: &'a Overview,
}
