//! Adding a person, and changing role and reach: what changes is shown before it is done.

use axum::extract::Path;
use axum::response::Response;
use oauth::{Parameters, Secret};

use super::super::parts::{Confirm, Field, Form, Shown, hidden, text_of, words_of};
use super::super::visit::{Desk, Stop, Visit};
use super::access;
use crate::administration::decision::Operation;
use crate::administration::{Error, NewUser, UserChange, generate_password};
use crate::login::Body;
use crate::pages::{self, Language, words};
use crate::{OrganizationAccess, ResourceOwner, Rights};

/// What stands in the form.
struct Values {
    username: String,
    role: String,
    scope: String,
    rights: Rights,
    note: Option<String>,
}

impl Values {
    fn posted(parameters: &Parameters) -> Self {
        Self {
            username: text_of(parameters, "username").unwrap_or_default(),
            role: text_of(parameters, "role").unwrap_or_default(),
            scope: text_of(parameters, "scope").unwrap_or_default(),
            rights: posted_rights(parameters),
            note: text_of(parameters, "note"),
        }
    }

    fn of(user: &ResourceOwner) -> Self {
        Self {
            username: user.username.clone(),
            role: user.role.clone(),
            scope: user.scope.to_string(),
            rights: user.rights.clone(),
            note: user.note.clone(),
        }
    }

    fn into_change(self) -> UserChange {
        UserChange {
            role: self.role,
            scope: self.scope,
            rights: self.rights,
            note: self.note,
        }
    }
}

pub(super) async fn show_new(visit: Visit) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        desk.permit(Operation::UserAdd)?;
        let own = &desk.session.owner.rights;
        let values = Values {
            username: String::new(),
            role: "clerk".to_owned(),
            scope: "user/Bundle.crs".to_owned(),
            rights: Rights {
                organization_access: OrganizationAccess::Own,
                ..own.clone()
            },
            note: None,
        };
        Ok(desk.form(&new_form(desk.l(), &values)))
    };
    visit.settle(page.await).await
}

pub(super) async fn add(visit: Visit, body: Body) -> Response {
    let page = async {
        let (desk, parameters) = visit.posted(body).await?;
        let admin = desk.permit(Operation::UserAdd)?;
        let values = Values::posted(&parameters);
        let password = generate_password(&admin.random);
        let new = NewUser {
            username: values.username.clone(),
            password: Secret::received(password.expose().to_owned()),
            role: values.role.clone(),
            scope: values.scope.clone(),
            rights: values.rights.clone(),
            note: values.note.clone(),
        };
        let l = desk.l();
        match admin.add_user(new).await {
            Ok(user) => Ok(desk.shown(&added(l, &user, &password))),
            Err(error) => refused(&desk, new_form(l, &values), error),
        }
    };
    visit.settle(page.await).await
}

pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::UserChange)?;
        let user = admin.user_by_id(&id).await?;
        let form = change_form(desk.l(), &user, &Values::of(&user), user.version());
        Ok(desk.form(&form))
    };
    visit.settle(page.await).await
}

/// Shows what changes; the second time, changes it.
pub(super) async fn change(visit: Visit, Path(id): Path<String>, body: Body) -> Response {
    let page = async {
        let (desk, parameters) = visit.posted(body).await?;
        let admin = desk.permit_unchanged(Operation::UserChange, &parameters)?;
        let user = admin.user_by_id(&id).await?;
        let (l, values) = (desk.l(), Values::posted(&parameters));
        let version = text_of(&parameters, "version").unwrap_or_default();
        let again = |values: &Values| change_form(l, &user, values, version.clone());
        if parameters.get("confirmed").is_none() {
            let changes = changes(l, &Values::of(&user), &values);
            if changes.is_empty() {
                let mut form = again(&values);
                form.error = Some(l.t("Nothing is different from before.").to_owned());
                return Ok(desk.form(&form));
            }
            return Ok(desk.confirm(&review(l, &user, changes, &parameters)));
        }
        let form = again(&values);
        match admin
            .change_user(&user.username, values.into_change())
            .await
        {
            Ok(user) => {
                let path = format!("/admin/users/{}?done=changed", user.id);
                Ok(pages::see_other(&path))
            }
            Err(error) => refused(&desk, form, error),
        }
    };
    visit.settle(page.await).await
}

fn review(
    l: Language,
    user: &ResourceOwner,
    changes: Vec<(String, String, String)>,
    parameters: &Parameters,
) -> Confirm {
    let mut hidden = hidden(parameters, &NAMES);
    hidden.push(("confirmed".to_owned(), "yes".to_owned()));
    Confirm {
        heading: l.f("Change {}?", &[&user.username]),
        text: l
            .t("It holds at once, also for what was issued before.")
            .to_owned(),
        effects: Vec::new(),
        changes,
        hidden,
        button: l.t("Change").to_owned(),
        danger: false,
        back: (
            format!("/admin/users/{}", user.id),
            l.t("Cancel").to_owned(),
        ),
    }
}

/// What differs: its name, before, after.
fn changes(l: Language, before: &Values, after: &Values) -> Vec<(String, String, String)> {
    let told = |values: &Values| {
        let mut told = vec![
            ("Role", words::role(l, &values.role).to_owned()),
            ("Scope", values.scope.clone()),
            ("Note", values.note.clone().unwrap_or_default()),
        ];
        told.extend(told_rights(l, &values.rights));
        told
    };
    differences(l, told(before), told(after))
}

/// The lines that differ of two descriptions of the same thing.
pub(in crate::admin::pages) fn differences(
    l: Language,
    before: Vec<(&'static str, String)>,
    after: Vec<(&'static str, String)>,
) -> Vec<(String, String, String)> {
    let both = before.into_iter().zip(after);
    let differing = both.filter(|((_, before), (_, after))| before != after);
    let shown = |text: String| {
        if text.is_empty() {
            "–".to_owned()
        } else {
            text
        }
    };
    differing
        .map(|((name, before), (_, after))| (l.t(name).to_owned(), shown(before), shown(after)))
        .collect()
}

pub(in crate::admin::pages) fn told_rights(
    l: Language,
    rights: &Rights,
) -> Vec<(&'static str, String)> {
    let all = rights.organization_access == OrganizationAccess::All;
    vec![
        (
            "Organization",
            rights.organization.clone().unwrap_or_default(),
        ),
        ("Records of", access(l, all)),
        (
            "Jurisdictions",
            words::jurisdictions(l, &rights.jurisdictions),
        ),
        (
            "Kinds of records",
            words::record_types(l, &rights.record_types),
        ),
        (
            "Facilities",
            words::facilities(l, rights.facilities.as_deref()),
        ),
    ]
}

fn added(l: Language, user: &ResourceOwner, password: &Secret) -> Shown {
    Shown {
        heading: l.f("{} is registered", &[&user.username]),
        text: l
            .t("Hand the password over in person, and have it changed on the account page.")
            .to_owned(),
        name: l.t("Password").to_owned(),
        secret: password.expose().to_owned(),
        next: (
            format!("/admin/users/{}", user.id),
            l.t("Go to the person").to_owned(),
        ),
    }
}

fn new_form(l: Language, values: &Values) -> Form {
    let username = Field::text("username", l.t("Username"), &values.username)
        .hint(l.t("2 to 100 small letters, digits and . _ @ + -"))
        .required();
    let mut fields = vec![username];
    fields.extend(self::fields(l, values));
    Form {
        heading: l.t("Add a person").to_owned(),
        text: l
            .t("A password is made and shown once, for you to hand over.")
            .to_owned(),
        fields,
        hidden: Vec::new(),
        button: l.t("Add").to_owned(),
        back: ("/admin/users".to_owned(), l.t("All people").to_owned()),
        error: None,
    }
}

fn change_form(l: Language, user: &ResourceOwner, values: &Values, version: String) -> Form {
    Form {
        heading: l.f("Change {}", &[&user.username]),
        text: l
            .t("What changes is shown once more before it is done.")
            .to_owned(),
        fields: fields(l, values),
        hidden: vec![("version".to_owned(), version)],
        button: l.t("Show what changes").to_owned(),
        back: (format!("/admin/users/{}", user.id), user.username.clone()),
        error: None,
    }
}

fn fields(l: Language, values: &Values) -> Vec<Field> {
    let roles = crate::ROLES.map(|role| (role.to_owned(), words::role(l, role).to_owned()));
    let mut fields = vec![Field::choice(
        "role",
        l.t("Role"),
        &values.role,
        roles.into(),
    )];
    fields.extend(rights_fields(l, &values.rights));
    let scope = Field::text("scope", l.t("Scope"), &values.scope).required();
    fields.push(scope.hint(l.t(
        "The most that the person can allow an application, words separated by spaces: user/Bundle.crs. Administrators also need administration.read administration.write audit.read, and whatever they are to give others.",
    )));
    let note = values.note.clone().unwrap_or_default();
    fields.push(Field::text("note", l.t("Note"), note).hint(l.t("For administrators only.")));
    fields
}

pub(in crate::admin::pages) fn rights_fields(l: Language, rights: &Rights) -> Vec<Field> {
    let organization = rights.organization.clone().unwrap_or_default();
    let accesses = [("own", false), ("all", true)];
    let accesses = accesses.map(|(value, all)| (value.to_owned(), access(l, all)));
    let record_type = |name: &str, code: &str| {
        let words = words::record_types(l, &[code.to_owned()]);
        let on = rights.record_types.iter().any(|it| it == code);
        (name.to_owned(), words, on)
    };
    vec![
        Field::text("organization", l.t("Organization"), organization),
        Field::choice(
            "organization_access",
            l.t("Records of"),
            rights.organization_access.as_str(),
            accesses.into(),
        ),
        Field::text(
            "jurisdictions",
            l.t("Jurisdictions"),
            rights.jurisdictions.join(", "),
        )
        .hint(l.t("Two-letter codes, separated by commas: MA, NH")),
        Field::boxes(
            "record_types",
            l.t("Kinds of records"),
            vec![
                record_type("record_type_birth", "birth"),
                record_type("record_type_fetal_death", "fetal-death"),
            ],
        ),
        Field::text(
            "facilities",
            l.t("Facilities"),
            facilities_text(rights.facilities.as_deref()),
        )
        .hint(l.t("NPIs or other identifiers, separated by commas. Empty: all of the organization. A hyphen alone: none.")),
    ]
}

/// An empty field lifts the limit, so a list of none needs a sign of its own.
fn facilities_text(facilities: Option<&[String]>) -> String {
    match facilities {
        None => String::new(),
        Some([]) => NO_FACILITY.to_owned(),
        Some(list) => list.join(", "),
    }
}

fn posted_facilities(parameters: &Parameters) -> Option<Vec<String>> {
    let mut list = words_of(parameters, "facilities");
    if list.is_empty() {
        return None;
    }
    list.retain(|name| name != NO_FACILITY);
    Some(list)
}

const NO_FACILITY: &str = "-";

pub(in crate::admin::pages) fn posted_rights(parameters: &Parameters) -> Rights {
    let on = |name: &str| parameters.get(name).is_some();
    let birth = on("record_type_birth").then(|| "birth".to_owned());
    let fetal_death = on("record_type_fetal_death").then(|| "fetal-death".to_owned());
    let access = parameters.get("organization_access").unwrap_or_default();
    Rights {
        organization: text_of(parameters, "organization"),
        // What is unknown is the lesser.
        organization_access: OrganizationAccess::parse(access).unwrap_or_default(),
        jurisdictions: words_of(parameters, "jurisdictions"),
        record_types: birth.into_iter().chain(fetal_death).collect(),
        facilities: posted_facilities(parameters),
    }
}

/// The form again, with what is wrong at its field.
pub(in crate::admin::pages) fn refused(
    desk: &Desk<'_>,
    mut form: Form,
    error: Error,
) -> Result<Response, Stop> {
    let l = desk.l();
    let (name, text) = match error {
        Error::Invalid { field, reason } => (field, l.rule(&reason).to_owned()),
        Error::Exists(what) => {
            let field = match what {
                "client" => "client_id",
                "resource server" => "audience",
                other => other,
            };
            (field, l.t("is taken: choose another one").to_owned())
        }
        Error::Forbidden(text) | Error::InUse(text) => ("", l.rule(text).to_owned()),
        error => return Err(error.into()),
    };
    match form.fields.iter_mut().find(|field| field.name == name) {
        Some(field) => field.error = Some(text),
        None if name.is_empty() => form.error = Some(text),
        None => form.error = Some(format!("{name}: {text}")),
    }
    Ok(desk.form(&form))
}

const NAMES: [&str; 10] = [
    "version",
    "role",
    "scope",
    "organization",
    "organization_access",
    "jurisdictions",
    "record_type_birth",
    "record_type_fetal_death",
    "facilities",
    "note",
];
