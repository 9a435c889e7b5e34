// Signing in at an organization's own OpenID Provider, in real Chromium: oidc-provider (Node) is the provider, and an
// office is set up as its operator would, with `vitalgate init` and a section of the configuration. The provider and
// the application are other sites than the office.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttps } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Provider from "oidc-provider";
import { check, directory, done, file, sandbox } from "./sandbox.mjs";
import { accessible, browser, fresh, narrow, press, shot } from "./chromium.mjs";

const work = mkdtempSync(join(tmpdir(), "vitalgate-upstream-"));
const home = join(work, "office");
const tls = { cert: file(sandbox.faulty_issuer.cert), key: file(sandbox.faulty_issuer.key) };
const secret = "a-secret-of-the-state-s-provider";
const port = await freePort();
const internal = await freePort();
const office = `https://vro.localhost:${port}`;
const environment = { ...process.env, VITALGATE_CONFIG: join(home, "vitalgate.toml") };
const button = "Sign in with State of Example";
const people = {
  jane: { preferred_username: "jane.doe@state.example", roles: ["Vital Records Staff", "Everybody"] },
  golf: { preferred_username: "golf@state.example", roles: ["Golf Club"] },
  smith: { preferred_username: "r.smith", roles: ["Vital Records Staff"], email: "r.smith@state.example", email_verified: true },
  head: { preferred_username: "head@state.example", roles: ["Heads"] },
};

const state = await provider();
const application = await site((request, response) => response.end(`<title>Application</title>${request.url.includes("code=") ? "signed in" : "not signed in"}`));
const server = await serve();
try {
  await forApplication();
  await onceMore();
  await refused();
  await connected();
  await secondFactor();
  await signOut();
  await away();
} finally {
  server.kill("SIGTERM");
  await once(server, "exit");
  for (const it of [state.server, application.server]) {
    it.closeAllConnections();
    it.close();
  }
  await browser.close();
  rmSync(work, { recursive: true });
}
done("oidc-provider (Node), an organization's own sign-in");

async function vitalgate(...words) {
  return new Promise((ended) => {
    execFile(process.env.VITALGATE, words, { env: environment, encoding: "utf8" }, (error, stdout, stderr) => {
      check(!error, `${words.join(" ")}: ${stdout}${stderr}`);
      ended(stdout);
    });
  });
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

async function site(answer) {
  const server = createHttps(tls, answer).listen(0, "localhost");
  await once(server, "listening");
  return { server, origin: `https://localhost:${server.address().port}` };
}

// The state's provider. Everybody who signs in there is known; what they are, their groups say.
async function provider() {
  const { server, origin } = await site();
  const asked = [];
  const op = new Provider(origin, {
    clients: [{
      client_id: "office",
      client_secret: secret,
      redirect_uris: [`${office}/login/with/state/callback`],
      post_logout_redirect_uris: [`${office}/logout`],
    }],
    claims: { openid: ["sub"], profile: ["preferred_username", "roles", "email", "email_verified"] },
    conformIdTokenClaims: false,
    cookies: { keys: ["of the state's provider"] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    loadExistingGrant: async (ctx) => {
      const grant = new op.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope("openid profile");
      await grant.save();
      return grant;
    },
  });
  server.on("request", (request, response) => {
    asked.push(request.url);
    op.callback()(request, response);
  });
  return { server, origin, asked };
}

async function serve() {
  await vitalgate(
    "init", "--party", "vro", "--dir", home, "--organization", "Office of Vital Records", "--origin", office,
    "--internal", `127.0.0.1:${internal}`, "--certificate", join(directory, sandbox.faulty_issuer.cert),
    "--private-key", join(directory, sandbox.faulty_issuer.key),
  );
  const configuration = join(home, "vitalgate.toml");
  const ca = JSON.stringify(join(directory, sandbox.ca));
  writeFileSync(configuration, readFileSync(configuration, "utf8").replace(/(^\[outbound\]\n(?:.*\n)*?)# (ca_file = ).*$/m, `$1$2${ca}`));
  writeFileSync(join(home, "keys/state.secret"), secret, { mode: 0o600 });
  appendFileSync(configuration, `
[[authorization_server.identity_providers]]
name = "state"
label = "State of Example"
issuer = "${state.origin}"
client_id = "office"
client_secret_file = "keys/state.secret"
scope = "openid profile"
create_users = true
role_claim = "roles"
organization = "Office of Vital Records"
all_organizations_for = ["registrar"]
jurisdictions = ["MA"]
record_types = ["birth", "fetal-death"]
user_scope = "user/Bundle.rs"
sign_out_there = true
[authorization_server.identity_providers.roles]
"Vital Records Staff" = "registrar"
"Heads" = "administrator"
`);
  await vitalgate("config", "check", configuration);
  const fhir = `${office}/fhir`;
  const rights = ["--organization", "Office of Vital Records", "--jurisdictions", "MA", "--record-types", "birth"];
  await vitalgate(
    "client", "add", "Application", "--client-id", "app", "--redirect-uri", `${application.origin}/back`,
    "--scope", "user/Bundle.rs", "--audience", fhir, ...rights,
  );
  await vitalgate("user", "add", "r.smith", "--role", "registrar", "--scope", "user/Bundle.rs", ...rights);
  const child = spawn(process.env.VITALGATE, ["serve", "--config", configuration, "--log-file", join(work, "log")]);
  for (let tries = 0; tries < 600; tries += 1) {
    const answer = await fetch(`http://127.0.0.1:${internal}/ready`).catch(() => null);
    if (answer?.status === 200) return child;
    await new Promise((later) => setTimeout(later, 100));
  }
  throw new Error(`the office did not start: ${readFileSync(join(work, "log"), "utf8")}`);
}

function authorize(more = {}) {
  return `${office}/oauth2/authorize?${new URLSearchParams({
    response_type: "code", client_id: "app", redirect_uri: `${application.origin}/back`, scope: "user/Bundle.rs",
    state: "of-the-application", code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256", ...more,
  })}`;
}

async function signInThere(page, login) {
  await page.waitForURL((url) => url.href.startsWith(`${state.origin}/interaction/`));
  await page.fill('input[name="login"]', login);
  await page.fill('input[name="password"]', "any");
  await page.click('button[type="submit"]');
}

async function begin(page, login, at = `${office}/login`) {
  await page.goto(at);
  await press(page, button);
  await signInThere(page, login);
  await page.waitForURL((url) => url.href.startsWith(office));
}

async function ended(visit) {
  check(visit.violations.length === 0, `no violation of the content security policy: ${visit.violations.join("; ")}`);
  await visit.context.close();
}

function text(page) {
  return page.textContent("main");
}

// The first time makes the person, and the application's request goes on; the second time nobody is asked anything,
// and one press leads from our page over the provider and back to the application.
async function forApplication() {
  const visit = await fresh();
  const { page, context } = visit;
  await page.goto(authorize());
  await accessible(page, "sign-in with a provider");
  await narrow(page, "sign-in with a provider");
  await shot(page, "upstream-login");
  await press(page, button);
  await signInThere(page, "jane");
  await page.waitForSelector('button[value="allow"]');
  check(/jane\.doe@state\.example/.test(await text(page)), "the consent page names the person");
  await page.click('button[value="allow"]');
  await page.waitForURL((url) => url.href.startsWith(`${application.origin}/back`));
  check(new URL(page.url()).searchParams.get("state") === "of-the-application", "the application's own state");
  const jane = JSON.parse(await vitalgate("user", "show", "jane.doe@state.example", "--output", "json"));
  check(jane.role === "registrar" && jane.organization_access === "all", `the person's rights: ${jane.role}`);
  check(jane.identities.length === 1 && jane.identities[0].subject === "jane", "the person's identity");

  const cookies = await context.cookies();
  await context.clearCookies();
  await context.addCookies(cookies.filter((cookie) => cookie.name.startsWith("_")  && !cookie.name.startsWith("__Host-")));
  await page.goto(authorize());
  await press(page, button);
  await page.waitForURL((url) => url.href.startsWith(`${application.origin}/back`));
  check(new URL(page.url()).searchParams.has("code"), "one press from our page to the application");
  const users = JSON.parse(await vitalgate("user", "list", "--output", "json"));
  check(users.length === 2, `still one person: ${users.map((user) => user.username)}`);
  await page.goto(`${office}/account`);
  check(/jane\.doe@state\.example/.test(await text(page)), "signed in to the account");
  check(/your organization signs you in/.test(await text(page)), "the account offers no password");
  await accessible(page, "account of who signs in there");
  await narrow(page, "account of who signs in there");
  await shot(page, "upstream-account");
  await ended(visit);
}

// What is dangerous wants a sign-in of just now, there too: the provider asks again.
async function onceMore() {
  const visit = await fresh();
  const { page } = visit;
  await begin(page, "jane");
  check(page.url() === `${office}/account`, `the account page: ${page.url()}`);
  await page.goto(`${office}/account/authenticator`);
  check(/once more/.test(await text(page)), "an old sign-in does not count");
  await press(page, button);
  await signInThere(page, "jane");
  await page.waitForURL(`${office}/account/authenticator`);
  check(true, "one of just now does");
  await ended(visit);
}

async function refused() {
  const rows = [
    ["golf", "Your account has no role here", "upstream-no-role"],
    ["smith", "This username is taken", "upstream-taken"],
  ];
  for (const [login, heading, name] of rows) {
    const visit = await fresh();
    const { page } = visit;
    await begin(page, login);
    check((await page.textContent("h1")) === heading, `${login}: ${await page.textContent("h1")}`);
    await accessible(page, heading);
    await narrow(page, heading);
    await shot(page, name);
    await page.goto(`${office}/account`);
    check(page.url() === `${office}/login`, "nobody is signed in");
    await ended(visit);
  }
  const visit = await fresh({ locale: "es-US" });
  const { page } = visit;
  await page.goto(authorize());
  await press(page, "Iniciar sesión con State of Example");
  await page.waitForURL((url) => url.href.startsWith(`${state.origin}/interaction/`));
  await page.click("text=Cancel");
  await page.waitForURL((url) => url.href.startsWith(office));
  check((await page.textContent("h1")) === "No se inició la sesión", await page.textContent("h1"));
  await accessible(page, "refused there, Spanish");
  await shot(page, "upstream-denied-es");
  await page.goto(page.url());
  check(/Este inicio de sesión/.test(await page.textContent("h1")), `used up: ${await page.textContent("h1")}`);
  await ended(visit);
}

async function connected() {
  await vitalgate("user", "link", "r.smith", "--provider", "state", "--subject", "smith");
  const visit = await fresh();
  const { page } = visit;
  await begin(page, "smith");
  check(page.url() === `${office}/account` && /r\.smith/.test(await text(page)), `connected: ${page.url()}`);
  await vitalgate("user", "unlink", "r.smith", "--provider", "state");
  await page.reload();
  check(page.url() === `${office}/login`, "and disconnected, which ends the session");
  await ended(visit);
}

// The provider says nothing of a second factor, and administrators need one.
async function secondFactor() {
  const visit = await fresh();
  const { page } = visit;
  await begin(page, "head");
  check(page.url().startsWith(`${office}/login/enrol`), `a second factor is set up first: ${page.url()}`);
  await ended(visit);
}

async function signOut() {
  const visit = await fresh();
  const { page } = visit;
  await begin(page, "jane");
  await page.goto(`${office}/logout`);
  await press(page, "Sign out");
  await page.waitForURL((url) => url.href.startsWith(`${state.origin}/session/end`));
  check(state.asked.some((url) => url.startsWith("/session/end?") && url.includes("id_token_hint=")), "the provider learns who");
  await page.click('button[value="yes"]');
  await page.waitForURL(`${office}/logout`);
  check(/You are signed out/.test(await text(page)), "signed out here and there");
  await page.goto(`${office}/login`);
  await press(page, button);
  await page.waitForURL((url) => url.href.startsWith(`${state.origin}/interaction/`));
  check(true, "the provider asks for the password again");
  await ended(visit);
}

// Without scripts too. The office reads its configuration again, and with that forgets what it knew of the provider,
// which is away by then: the page says so, and the way back leads to the other ways to sign in.
async function away() {
  const visit = await fresh({ javaScriptEnabled: false });
  const { page } = visit;
  await page.goto(authorize());
  await page.click(`text=${button}`);
  await page.waitForURL((url) => url.href.startsWith(`${state.origin}/interaction/`));
  state.server.closeAllConnections();
  await new Promise((closed) => state.server.close(closed));
  server.kill("SIGHUP");
  let status = 0;
  for (let tries = 0; tries < 300 && status !== 503; tries += 1) {
    await page.waitForTimeout(100);
    await page.goto(authorize());
    const answered = page.waitForResponse((response) => response.url() === `${office}/login/with/state`);
    await page.click(`text=${button}`);
    const answer = await answered;
    status = answer.status();
    check(status !== 503 || answer.headers()["retry-after"] === "30", "503 says when to come back");
  }
  check((await page.textContent("h1")) === "The sign-in cannot be reached", `away: ${status}`);
  await shot(page, "upstream-away");
  await page.click("text=Back to the sign-in page");
  await page.fill("#username", "r.smith");
  check(/reference/.test(await text(page)) === false, "the sign-in page of the same request");
  await ended(visit);
}
