//! Signing keys: the list, and putting a new one in place of an old one.

use axum::response::Response;
use axum::routing::get;
use oauth::Parameters;
use oauth::jose::Algorithm;

use super::Place;
use super::parts::{Cell, Confirm, Field, Form, List, Table, Way, hidden, text_of};
use super::users::refused;
use super::visit::Visit;
use crate::administration::decision::Operation;
use crate::login::Body;
use crate::pages::{self, Language, moment};
use crate::{KeyEntry, KeyState, Rotation};

pub(super) fn places() -> Vec<Place> {
    vec![
        Place::new("/admin/keys", Operation::KeyList, get(list)),
        Place::new(
            "/admin/keys/rotate",
            Operation::KeyRotate,
            get(show).post(rotate),
        ),
    ]
}

async fn list(visit: Visit) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::KeyList)?;
        let (l, keys) = (desk.l(), admin.signing_keys().await?);
        let rotate = desk.may(Operation::KeyRotate).then(|| Way {
            href: "/admin/keys/rotate".to_owned(),
            text: l.t("Make a new key").to_owned(),
            kind: "button",
        });
        let done = visit.query().get("done") == Some("rotated");
        Ok(desk.list(&List {
            heading: l.t("Keys").to_owned(),
            text: l
                .t("What this server signs with. It replaces its keys in time by itself; their private parts are shown to nobody.")
                .to_owned(),
            filters: Vec::new(),
            table: table(l, &keys),
            ways: rotate.into_iter().collect(),
            next: None,
            later: false,
            done: done.then(|| l.t("The new key is made.").to_owned()),
        }))
    };
    visit.settle(page.await).await
}

async fn show(visit: Visit) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::KeyRotate)?;
        let form = form(desk.l(), &admin.signing_algorithms, &visit.query());
        Ok(desk.form(&form))
    };
    visit.settle(page.await).await
}

/// Shows what it means; the second time, does it.
async fn rotate(visit: Visit, body: Body) -> Response {
    let page = async {
        let (desk, parameters) = visit.posted(body).await?;
        let admin = desk.permit(Operation::KeyRotate)?;
        let (l, all) = (desk.l(), &admin.signing_algorithms);
        let algorithm = text_of(&parameters, "algorithm").unwrap_or_default();
        let algorithm = all.iter().find(|it| it.as_str() == algorithm).copied();
        let (Some(algorithm), Some(rotation)) = (algorithm, rotation(&parameters)) else {
            let mut form = form(l, all, &parameters);
            form.error = Some(
                l.t("Choose an algorithm and when it takes over.")
                    .to_owned(),
            );
            return Ok(desk.form(&form));
        };
        if parameters.get("confirmed").is_none() {
            return Ok(desk.confirm(&review(l, algorithm, rotation, &parameters)));
        }
        let encryption = visit.server.encryption();
        match admin
            .rotate_signing_key(encryption, algorithm, rotation)
            .await
        {
            Ok(_) => Ok(pages::see_other("/admin/keys?done=rotated")),
            Err(error) => refused(&desk, form(l, all, &parameters), error),
        }
    };
    visit.settle(page.await).await
}

fn review(
    l: Language,
    algorithm: Algorithm,
    rotation: Rotation,
    parameters: &Parameters,
) -> Confirm {
    let effects: &[&str] = match rotation {
        Rotation::Published => &[
            "The new key is published now, and signs once everybody has had time to fetch it.",
            "What was signed before still verifies until it ends.",
        ],
        Rotation::Compromised => &[
            "The new key signs from now on.",
            "The present key is not published any more: nothing that it has signed verifies, and every such token ends now.",
        ],
    };
    let mut hidden = hidden(parameters, &["algorithm", "rotation"]);
    hidden.push(("confirmed".to_owned(), "yes".to_owned()));
    Confirm {
        heading: l.f("Make a new {} key?", &[algorithm.as_str()]),
        text: l.t("It takes the place of the present one.").to_owned(),
        effects: effects.iter().map(|text| l.t(text).to_owned()).collect(),
        changes: Vec::new(),
        hidden,
        button: l.t("Make a new key").to_owned(),
        danger: matches!(rotation, Rotation::Compromised),
        back: ("/admin/keys".to_owned(), l.t("Cancel").to_owned()),
    }
}

fn rotation(parameters: &Parameters) -> Option<Rotation> {
    match parameters.get("rotation") {
        Some("published") => Some(Rotation::Published),
        Some("compromised") => Some(Rotation::Compromised),
        _ => None,
    }
}

fn form(l: Language, algorithms: &[Algorithm], parameters: &Parameters) -> Form {
    let value = |name: &str| parameters.get(name).unwrap_or_default().to_owned();
    let algorithms = algorithms.iter().map(|it| it.as_str().to_owned());
    let rotations = [
        ("published", "when everybody has had time to fetch it"),
        ("compromised", "at once: the present one is compromised"),
    ];
    let rotations = rotations.map(|(value, words)| (value.to_owned(), l.t(words).to_owned()));
    Form {
        heading: l.t("Make a new key").to_owned(),
        text: l
            .t("What it means is shown once more before it is done.")
            .to_owned(),
        fields: vec![
            Field::choice(
                "algorithm",
                l.t("Algorithm"),
                value("algorithm"),
                algorithms.map(|it| (it.clone(), it)).collect(),
            ),
            Field::choice(
                "rotation",
                l.t("It takes over"),
                value("rotation"),
                rotations.into(),
            ),
        ],
        hidden: Vec::new(),
        button: l.t("Show what it means").to_owned(),
        back: ("/admin/keys".to_owned(), l.t("All keys").to_owned()),
        error: None,
    }
}

fn table(l: Language, keys: &[KeyEntry]) -> Table {
    let state = |state: KeyState| match state {
        KeyState::Next => Cell::mark("quiet", l.t("next: will sign")),
        KeyState::Active => Cell::mark("good", l.t("active: signs")),
        KeyState::Retiring => Cell::mark("quiet", l.t("retiring: still verifies")),
        KeyState::Retired => Cell::mark("bad", l.t("retired")),
    };
    let row = |key: &KeyEntry| {
        vec![
            Cell::code(&key.kid),
            Cell::text(key.algorithm.as_str()),
            state(key.state),
            Cell::text(moment(key.created)),
            Cell::text(moment(key.active)),
            Cell::maybe(key.retiring.map(moment).as_deref()),
            Cell::maybe(key.retired.map(moment).as_deref()),
        ]
    };
    let columns = [
        "Key",
        "Algorithm",
        "State",
        "Published from",
        "Signs from",
        "Signs until",
        "Published until",
    ];
    Table {
        caption: l.t("Signing keys, oldest first").to_owned(),
        columns: columns.map(|it| l.t(it).to_owned()).into(),
        rows: keys.iter().map(row).collect(),
        empty: l.t("There is no key yet.").to_owned(),
    }
}
