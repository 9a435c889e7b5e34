//! Adding an application, and changing its registration: what changes is shown before it is done.

use axum::extract::Path;
use axum::response::Response;
use oauth::Parameters;

use super::super::parts::{Confirm, Field, Form, hidden, text_of};
use super::super::users::{differences, posted_rights, refused, rights_fields, told_rights};
use super::super::visit::Visit;
use super::{method, secret};
use crate::administration::decision::Operation;
use crate::administration::{NewClient, NewClientSecret};
use crate::login::Body;
use crate::pages::{self, Language};
use crate::{
    AssertionAudience, Client, ClientAuthenticationMethod, GrantType, OrganizationAccess, Protocol,
    Rights,
};

pub(super) async fn show_new(visit: Visit) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        desk.permit(Operation::ClientAdd)?;
        let own = &desk.session.owner.rights;
        let empty = Parameters::default();
        let blank = NewClient {
            grant_types: vec![GrantType::ClientCredentials],
            scope: "system/Bundle.crs".to_owned(),
            rights: Rights {
                organization_access: OrganizationAccess::Own,
                ..own.clone()
            },
            ..posted(&empty, None)
        };
        Ok(desk.form(&new_form(desk.l(), &blank)))
    };
    visit.settle(page.await).await
}

pub(super) async fn add(visit: Visit, body: Body) -> Response {
    let page = async {
        let (desk, parameters) = visit.posted(body).await?;
        let admin = desk.permit(Operation::ClientAdd)?;
        let (l, new) = (desk.l(), posted(&parameters, None));
        let first = NewClientSecret {
            name: "first".to_owned(),
            expires: None,
        };
        match admin.add_client(new.clone(), first).await {
            Ok((client, Some(made))) => Ok(desk.shown(&secret::shown(l, &client, made.expose()))),
            Ok((client, None)) => {
                let path = format!("/admin/clients/{}", client.client_id);
                Ok(pages::see_other(&path))
            }
            Err(error) => refused(&desk, new_form(l, &new), error),
        }
    };
    visit.settle(page.await).await
}

pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::ClientChange)?;
        let client = admin.client(&id).await?;
        let form = change_form(desk.l(), &client, &as_new(&client), client.version());
        Ok(desk.form(&form))
    };
    visit.settle(page.await).await
}

/// Shows what changes; the second time, changes it.
pub(super) async fn change(visit: Visit, Path(id): Path<String>, body: Body) -> Response {
    let page = async {
        let (desk, parameters) = visit.posted(body).await?;
        let admin = desk.permit_unchanged(Operation::ClientChange, &parameters)?;
        let client = admin.client(&id).await?;
        let (l, new) = (desk.l(), posted(&parameters, Some(&client)));
        let version = text_of(&parameters, "version").unwrap_or_default();
        let mut form = change_form(l, &client, &new, version);
        if parameters.get("confirmed").is_some() {
            return match admin.replace_client(new).await {
                Ok(client) => {
                    let path = format!("/admin/clients/{}?done=changed", client.client_id);
                    Ok(pages::see_other(&path))
                }
                Err(error) => refused(&desk, form, error),
            };
        }
        let changes = differences(l, told(l, &as_new(&client)), told(l, &new));
        if changes.is_empty() {
            form.error = Some(l.t("Nothing is different from before.").to_owned());
            return Ok(desk.form(&form));
        }
        Ok(desk.confirm(&review(l, &client, &new, changes, &parameters)))
    };
    visit.settle(page.await).await
}

fn review(
    l: Language,
    client: &Client,
    new: &NewClient,
    changes: Vec<(String, String, String)>,
    parameters: &Parameters,
) -> Confirm {
    let mut hidden = hidden(parameters, &NAMES);
    hidden.push(("confirmed".to_owned(), "yes".to_owned()));
    let other_method = new.authentication != client.authentication;
    let effect =
        "It authenticates in another way from now on: what it was given before is revoked.";
    Confirm {
        heading: l.f("Change {}?", &[&client.name]),
        text: l
            .t("It holds at once, also for what was issued before.")
            .to_owned(),
        effects: other_method
            .then(|| l.t(effect).to_owned())
            .into_iter()
            .collect(),
        changes,
        hidden,
        button: l.t("Change").to_owned(),
        danger: other_method,
        back: (
            format!("/admin/clients/{}", client.client_id),
            l.t("Cancel").to_owned(),
        ),
    }
}

/// A registration as it was posted; what no field is for stays as it was.
fn posted(parameters: &Parameters, before: Option<&Client>) -> NewClient {
    let text = |name: &str| text_of(parameters, name);
    let on = |grant: &GrantType| parameters.get(box_name(*grant)).is_some();
    let authentication = text("authentication").unwrap_or_default();
    let audience = text("assertion_audience").unwrap_or_default();
    NewClient {
        client_id: before.map_or_else(|| text("client_id"), |it| Some(it.client_id.clone())),
        name: text("name").unwrap_or_default(),
        // What is unknown is the usual one; the operation holds it to its rules.
        authentication: ClientAuthenticationMethod::parse(&authentication)
            .unwrap_or(ClientAuthenticationMethod::ClientSecretBasic),
        assertion_audience: AssertionAudience::parse(&audience).unwrap_or_default(),
        protocol: before.map_or_else(Protocol::default, |it| it.protocol.clone()),
        grant_types: GrantType::ALL.into_iter().filter(on).collect(),
        redirect_uris: words_at(parameters, "redirect_uris"),
        scope: text("scope").unwrap_or_default(),
        audiences: words_at(parameters, "audiences"),
        rights: posted_rights(parameters),
        jwks: text("jwks"),
        jwks_uri: text("jwks_uri"),
        access_token_lifetime_s: text("access_token_lifetime_s")
            .map(|seconds| seconds.parse().unwrap_or(-1)),
        note: text("note"),
    }
}

/// Addresses, separated by spaces: a comma may be a part of one.
fn words_at(parameters: &Parameters, name: &str) -> Vec<String> {
    let text = parameters.get(name).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

fn as_new(client: &Client) -> NewClient {
    NewClient {
        client_id: Some(client.client_id.clone()),
        name: client.name.clone(),
        authentication: client.authentication,
        assertion_audience: client.assertion_audience,
        protocol: client.protocol.clone(),
        grant_types: client.grant_types.clone(),
        redirect_uris: client.redirect_uris.clone(),
        scope: client.scope.to_string(),
        audiences: client.audiences.clone(),
        rights: client.rights.clone(),
        jwks: client.jwks.clone(),
        jwks_uri: client.jwks_uri.clone(),
        access_token_lifetime_s: client.access_token_lifetime.map(|it| it.as_secs()),
        note: client.note.clone(),
    }
}

fn told(l: Language, new: &NewClient) -> Vec<(&'static str, String)> {
    let mut grants: Vec<&str> = new.grant_types.iter().map(|grant| grant.as_str()).collect();
    grants.sort_unstable();
    let lifetime = new.access_token_lifetime_s;
    let mut told = vec![
        ("Name", new.name.clone()),
        ("Authentication", method(l, new.authentication)),
        (
            "Assertions are addressed to",
            new.assertion_audience.as_str().to_owned(),
        ),
        ("Grant types", grants.join(" ")),
        ("Redirect URIs", new.redirect_uris.join(" ")),
        ("Scope", new.scope.clone()),
        ("Audiences", new.audiences.join(" ")),
        ("Keys (JWK set)", new.jwks.clone().unwrap_or_default()),
        (
            "Address of the keys",
            new.jwks_uri.clone().unwrap_or_default(),
        ),
        (
            "Access tokens live, seconds",
            lifetime.map(|it| it.to_string()).unwrap_or_default(),
        ),
        ("Note", new.note.clone().unwrap_or_default()),
    ];
    told.extend(told_rights(l, &new.rights));
    told
}

fn new_form(l: Language, new: &NewClient) -> Form {
    let id = new.client_id.clone().unwrap_or_default();
    let id = Field::text("client_id", l.t("Client identifier"), id)
        .hint(l.t("Letters, digits and - . _ ~; left empty, one is made."));
    let mut fields = fields(l, new);
    fields.insert(1, id);
    Form {
        heading: l.t("Add an application").to_owned(),
        text: l
            .t("Where it authenticates with a secret, one is made and shown once.")
            .to_owned(),
        fields,
        hidden: Vec::new(),
        button: l.t("Add").to_owned(),
        back: (
            "/admin/clients".to_owned(),
            l.t("All applications").to_owned(),
        ),
        error: None,
    }
}

fn change_form(l: Language, client: &Client, new: &NewClient, version: String) -> Form {
    Form {
        heading: l.f("Change {}", &[&client.name]),
        text: l
            .t("What changes is shown once more before it is done.")
            .to_owned(),
        fields: fields(l, new),
        hidden: vec![("version".to_owned(), version)],
        button: l.t("Show what changes").to_owned(),
        back: (
            format!("/admin/clients/{}", client.client_id),
            client.name.clone(),
        ),
        error: None,
    }
}

fn fields(l: Language, new: &NewClient) -> Vec<Field> {
    let text = |name: &str, label: &str, value: Option<String>| {
        Field::text(name, l.t(label), value.unwrap_or_default())
    };
    let spaces = l.t("Separated by spaces.");
    let lifetime = new.access_token_lifetime_s.map(|it| it.to_string());
    let mut fields = vec![
        text("name", "Name", Some(new.name.clone()))
            .hint(l.t("People read it when they are asked for consent."))
            .required(),
        methods(l, new.authentication),
        grants(l, &new.grant_types),
        text(
            "redirect_uris",
            "Redirect URIs",
            Some(new.redirect_uris.join(" ")),
        )
        .hint(spaces),
        text("scope", "Scope", Some(new.scope.clone()))
            .hint(l.t("The most that it is given, words separated by spaces: system/Bundle.crs")),
        text("audiences", "Audiences", Some(new.audiences.join(" ")))
            .hint(l.t("Resource servers that its tokens open, separated by spaces.")),
    ];
    fields.extend(rights_fields(l, &new.rights));
    fields.extend([
        text("jwks_uri", "Address of the keys", new.jwks_uri.clone()).hint(
            l.t("For signed assertions: where its public keys are, or else the keys themselves."),
        ),
        text("jwks", "Keys (JWK set)", new.jwks.clone()),
        audiences(l, new.assertion_audience),
        text(
            "access_token_lifetime_s",
            "Access tokens live, seconds",
            lifetime,
        )
        .hint(l.t("Left empty, the server's setting counts.")),
        text("note", "Note", new.note.clone()).hint(l.t("For administrators only.")),
    ]);
    fields
}

fn methods(l: Language, chosen: ClientAuthenticationMethod) -> Field {
    let choices = ClientAuthenticationMethod::ALL;
    let choices = choices.map(|it| (it.as_str().to_owned(), method(l, it)));
    Field::choice(
        "authentication",
        l.t("Authentication"),
        chosen.as_str(),
        choices.into(),
    )
}

fn grants(l: Language, chosen: &[GrantType]) -> Field {
    let words = |grant: GrantType| match grant {
        GrantType::AuthorizationCode => "for people who sign in (authorization_code)",
        GrantType::RefreshToken => "and stays allowed for a while (refresh_token)",
        GrantType::ClientCredentials => "for itself, without a person (client_credentials)",
    };
    let boxes = GrantType::ALL.map(|grant| {
        let on = chosen.contains(&grant);
        (box_name(grant).to_owned(), l.t(words(grant)).to_owned(), on)
    });
    Field::boxes("grant_types", l.t("Grant types"), boxes.into())
}

fn audiences(l: Language, chosen: AssertionAudience) -> Field {
    let choices = [
        (AssertionAudience::Issuer, "the issuer (RFC 10070)"),
        (
            AssertionAudience::TokenEndpoint,
            "the token endpoint (SMART App Launch 2.2)",
        ),
    ];
    let choices = choices.map(|(it, words)| (it.as_str().to_owned(), l.t(words).to_owned()));
    Field::choice(
        "assertion_audience",
        l.t("Assertions are addressed to"),
        chosen.as_str(),
        choices.into(),
    )
}

const fn box_name(grant: GrantType) -> &'static str {
    match grant {
        GrantType::AuthorizationCode => "grant_authorization_code",
        GrantType::ClientCredentials => "grant_client_credentials",
        GrantType::RefreshToken => "grant_refresh_token",
    }
}

const NAMES: [&str; 20] = [
    "version",
    "name",
    "authentication",
    "assertion_audience",
    "grant_authorization_code",
    "grant_client_credentials",
    "grant_refresh_token",
    "redirect_uris",
    "scope",
    "audiences",
    "jwks",
    "jwks_uri",
    "access_token_lifetime_s",
    "note",
    "organization",
    "organization_access",
    "jurisdictions",
    "record_type_birth",
    "record_type_fetal_death",
    "facilities",
];
