//! The walks: every dataflow, by a person, by a client secret, by a signed JWT.

use std::time::Instant;

use anyhow::{Context, bail, ensure};
use client::config::FhirBase;
use client::{Client, Config, Environment};
use oauth::{Random, Scope, Secret};
use outbound::{Outbound, Purpose};
use storage::Clock;
use url::Url;

use super::browser::{Browser, Page};
use super::trace::{Trace, Way};
use super::{Walk, terminal, wire};
use crate::sandbox::{self, Dataflow, Sandbox};

/// Walks all dataflows, telling each when it is done.
pub(super) async fn all(sandbox: &Sandbox, trace: &Trace) -> Vec<Walk> {
    let mut walks = Vec::new();
    for dataflow in &sandbox.description.dataflows {
        for (number, kind) in [Kind::Human, Kind::Secret, Kind::Jwt]
            .into_iter()
            .enumerate()
        {
            walks.push(one(sandbox, trace, dataflow, kind, number).await);
        }
    }
    walks
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Human,
    Secret,
    Jwt,
}

async fn one(
    sandbox: &Sandbox,
    trace: &Trace,
    dataflow: &Dataflow,
    kind: Kind,
    number: usize,
) -> Walk {
    trace.begin(if kind == Kind::Human {
        Way::Human
    } else {
        Way::Api
    });
    let started = Instant::now();
    // Records that somebody gave all travel every walk; of the synthetic ones each walk takes another.
    let given = sandbox.records_were_given;
    let records: Vec<Record> = records(dataflow)
        .into_iter()
        .enumerate()
        .filter(|(index, _)| given || *index == number)
        .map(|(_, record)| record)
        .collect();
    let mut walk = Walk {
        dataflow: dataflow.name.to_uppercase(),
        way: way(dataflow, kind),
        record: records
            .iter()
            .map(|record| record.name.clone())
            .collect::<Vec<_>>()
            .join(", "),
        explanation: explanation(dataflow, kind),
        steps: Vec::new(),
        failure: None,
        elapsed: started.elapsed(),
    };
    terminal::walk(&walk);
    let result = match kind {
        Kind::Human => human(sandbox, trace, dataflow, &records, &mut walk).await,
        Kind::Secret | Kind::Jwt => api(sandbox, trace, dataflow, kind, &records, &mut walk).await,
    };
    seen(trace, &mut walk);
    walk.failure = result.err().map(|error| format!("{error:#}"));
    walk.elapsed = started.elapsed();
    terminal::verdict(&walk);
    walk
}

/// A record that is hosted at the source.
#[derive(Clone)]
struct Record {
    name: String,
    file: String,
    id: String,
}

fn records(dataflow: &Dataflow) -> Vec<Record> {
    let pairs = dataflow.samples.iter().zip(&dataflow.sample_ids);
    pairs
        .map(|(file, id)| Record {
            name: file.rsplit('/').next().unwrap_or(file).to_owned(),
            file: file.clone(),
            id: id.clone(),
        })
        .collect()
}

fn way(dataflow: &Dataflow, kind: Kind) -> String {
    match kind {
        Kind::Human => "human user, authorization code with PKCE".to_owned(),
        Kind::Secret => "API user, client secret".to_owned(),
        Kind::Jwt => format!(
            "API user, JWT signed with {}",
            jwt_client(dataflow)
                .and_then(|client| client.alg)
                .unwrap_or("?")
        ),
    }
}

fn explanation(dataflow: &Dataflow, kind: Kind) -> String {
    let (source, receiver) = (
        dataflow.client.to_uppercase(),
        dataflow.authorization_server.to_uppercase(),
    );
    let who = if kind == Kind::Human {
        format!("A user of {source} signs in at {receiver}")
    } else {
        format!("{source} asks {receiver} for tokens")
    };
    format!("{who}, reads the report at {source}, delivers it to {receiver} and reads it back.")
}

fn jwt_client(dataflow: &Dataflow) -> Option<&sandbox::Client> {
    ordinary(dataflow, "private_key_jwt").find(|client| client.client_id.ends_with("-api-jwt"))
}

/// The clients of an ordinary walk: those without a note.
pub(super) fn ordinary<'a>(
    dataflow: &'a Dataflow,
    auth: &'a str,
) -> impl Iterator<Item = &'a sandbox::Client> {
    dataflow
        .clients
        .iter()
        .filter(move |client| client.auth == auth && client.note.is_none())
}

/// Takes what was seen on the wire since the last look, and tells it.
fn seen(trace: &Trace, walk: &mut Walk) {
    for step in trace.take() {
        terminal::step(&step);
        walk.steps.push(step);
    }
}

async fn api(
    sandbox: &Sandbox,
    trace: &Trace,
    dataflow: &Dataflow,
    kind: Kind,
    records: &[Record],
    walk: &mut Walk,
) -> anyhow::Result<()> {
    let client = api_client(sandbox, trace, dataflow, kind)?;
    let mut exchange = client.as_api_user(&dataflow.authorization_server)?;
    let source = FhirBase::parse(dataflow.resources.first().context("no source")?)?;
    for record in records {
        let bytes = exchange.original(&source, &record.id).await?;
        seen(trace, walk);
        ensure!(
            bytes == std::fs::read(sandbox.directory.join(&record.file))?,
            "the source gave other bytes"
        );
        let delivered = exchange.deliver(&bytes).await?;
        seen(trace, walk);
        exchange.verify(&delivered).await?;
        seen(trace, walk);
    }
    Ok(())
}

/// The source's client: with the key that its configuration has, or with the secret of another registration.
fn api_client(
    sandbox: &Sandbox,
    trace: &Trace,
    dataflow: &Dataflow,
    kind: Kind,
) -> anyhow::Result<Client> {
    use client::config::{AssertionAudience, Credentials, Issuer, Peer, Registration};
    let party = sandbox
        .party(&dataflow.client)
        .context("the source does not run")?;
    if kind == Kind::Jwt {
        return party
            .roles()
            .client
            .clone()
            .context("the source has no client");
    }
    let described = ordinary(dataflow, "client_secret_basic")
        .find(|client| client.kind == "api")
        .context("no client")?;
    let secret = described.client_secret.clone().context("no secret")?;
    let registration = Registration {
        client_id: described.client_id.clone(),
        credentials: Credentials::Secret(Secret::received(secret)),
        scope: Scope::parse(&described.scope)?,
        assertion_audience: AssertionAudience::default(),
        redirect_uri: None,
    };
    let base = |index: usize| -> anyhow::Result<FhirBase> {
        Ok(FhirBase::parse(
            dataflow.resources.get(index).context("no resource")?,
        )?)
    };
    let receiver = sandbox
        .description
        .parties
        .get(&dataflow.authorization_server)
        .context("no receiver")?;
    let peer = Peer {
        name: dataflow.authorization_server.clone(),
        issuer: Issuer::parse(receiver.issuer.as_deref().context("no issuer")?)?,
        fhir: base(1)?,
        resources: vec![base(0)?],
        api: Some(registration),
        human: None,
        native: None,
    };
    let outbound = wire::outbound(sandbox, trace, &dataflow.client)?;
    let environment = Environment {
        outbound,
        clock: Clock::system(),
        random: Random::system(),
        audit: None,
    };
    let origin = &sandbox
        .description
        .parties
        .get(&dataflow.client)
        .context("no source")?
        .origin;
    let config = Config {
        party: dataflow.client.clone(),
        public_origin: Url::parse(origin)?,
        own_fhir: Some(base(0)?),
        peers: vec![peer],
    };
    Ok(Client::new(environment, config)?)
}

/// The person's browser does everything; the source's web application is the client.
async fn human(
    sandbox: &Sandbox,
    trace: &Trace,
    dataflow: &Dataflow,
    records: &[Record],
    walk: &mut Walk,
) -> anyhow::Result<()> {
    let mut browser = Browser::new(wire::outbound(sandbox, trace, "browser")?);
    let origin = &sandbox
        .description
        .parties
        .get(&dataflow.client)
        .context("no source")?
        .origin;
    let login = Url::parse(&format!(
        "{origin}/client/login?peer={}",
        dataflow.authorization_server
    ))?;
    let page = browser.open(login).await?;
    seen(trace, walk);
    let page = sign_in(&mut browser, &page, dataflow).await?;
    seen(trace, walk);
    let consent = page.form("/consent")?.fill("decision", "allow");
    let page = browser.submit(consent).await?;
    seen(trace, walk);
    let mut form = page.form("/client/deliver")?;
    let ids: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
    form = form.fill("records", &ids.join("\n"));
    let result = browser.submit(form).await?;
    seen(trace, walk);
    let all = format!("<h1>{0} of {0} records are at", records.len());
    if result.status != 200 || !result.html.contains(&all) {
        let heading = result
            .html
            .split("<h1>")
            .nth(1)
            .and_then(|rest| rest.split("</h1>").next());
        bail!(
            "the result page says {}: {}",
            result.status,
            heading.unwrap_or("nothing")
        );
    }
    let home = browser
        .open(Url::parse(&format!("{origin}/client"))?)
        .await?;
    browser.submit(home.form("/client/sign-out")?).await?;
    Ok(())
}

/// Fills in the sign-in form of the receiver.
pub(super) async fn sign_in(
    browser: &mut Browser,
    page: &Page,
    dataflow: &Dataflow,
) -> anyhow::Result<Page> {
    let user = dataflow.users.first().context("no user")?;
    let form = page
        .form("/login")?
        .fill("username", &user.username)
        .fill("password", &user.password);
    browser.submit(form).await
}

/// Signs in and consents as the public human client does, up to the redirect that carries the code. Answers
/// the code and its verifier.
pub(super) async fn code(
    outbound: &Outbound,
    sandbox: &Sandbox,
    dataflow: &Dataflow,
) -> anyhow::Result<(String, String, sandbox::Client)> {
    let client = ordinary(dataflow, "none")
        .next()
        .context("no public client")?
        .clone();
    let issuer = sandbox
        .description
        .parties
        .get(&dataflow.authorization_server)
        .and_then(|party| party.issuer.clone())
        .context("no issuer")?;
    let redirect_uri = Url::parse(client.redirect_uri.as_deref().context("no redirect URI")?)?;
    let verifier = oauth::pkce::CodeVerifier::generate(&Random::system());
    let mut authorize = Url::parse(&format!("{issuer}/oauth2/authorize"))?;
    authorize.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", &client.client_id),
        ("redirect_uri", redirect_uri.as_str()),
        ("scope", &client.scope),
        ("state", "demonstration"),
        ("code_challenge", verifier.challenge().as_str()),
        ("code_challenge_method", "S256"),
    ]);
    let mut browser = Browser::new(outbound.clone());
    let page = browser.open(authorize).await?;
    let page = sign_in(&mut browser, &page, dataflow).await?;
    let consent = page.form("/consent")?.fill("decision", "allow");
    let address = browser.submit_until(consent, &redirect_uri).await?;
    let code = address
        .query_pairs()
        .find(|(name, _)| name == "code")
        .map(|(_, code)| code.into_owned());
    Ok((
        code.context("no code on the redirect")?,
        verifier.expose().to_owned(),
        client,
    ))
}

/// A token of a client with a secret, for one audience.
pub(super) async fn token(
    outbound: &Outbound,
    issuer: &str,
    client: &sandbox::Client,
    audience: &str,
) -> anyhow::Result<String> {
    let secret = client.client_secret.as_deref().context("no secret")?;
    let form = [("grant_type", "client_credentials"), ("resource", audience)];
    let endpoint = format!("{issuer}/oauth2/token");
    let response = wire::post(
        outbound,
        &endpoint,
        Purpose::Token,
        Some((&client.client_id, secret)),
        &form,
    )
    .await?;
    wire::member(&response, "access_token")
}
