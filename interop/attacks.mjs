// Attacks on a person in real Chromium: another site's forms and frames, planted sessions, links that would lead
// elsewhere, names that are scripts. What is attacked is the running server; the attacker's pages are this file's.
import { check, done, operate, sandbox } from "./sandbox.mjs";
import { browser, fresh, shot } from "./chromium.mjs";

const dataflow = sandbox.dataflows[0];
const vro = dataflow.authorization_server;
const office = sandbox.parties[vro].origin;
const ehr = sandbox.parties[dataflow.client].origin;
const like = dataflow.users[0];
const canary = `"><img src=x onerror=window.stolen=1><script>window.stolen=2</script>{{7*7}}`;
const rights = [
  "--organization", like.organization, "--jurisdictions", like.jurisdictions.join(), "--record-types", like.record_types.join(),
];
const username = `attacked.${process.pid}`;
const password = operate(vro, "user", "add", username, "--role", like.role, "--scope", like.scope, ...rights, "--note", canary).password;

/// Another site, and another port of the same host: to browsers that is one site, and its cookies travel along.
const strangers = ["https://evil.example", `https://localhost:${new URL(office).port === "1" ? 2 : 1}`];

async function signIn(page) {
  await page.goto(`${office}/login`);
  await page.fill("#username", username);
  await page.fill("#password", password);
  await page.click('form[action="/login"] button[type="submit"]');
  await page.waitForURL(`${office}/account`);
}

/// A page of the attacker's under an address of the attacker's.
async function lure(page, origin, html) {
  await page.unrouteAll();
  await page.route(`${origin}/**`, (route) => route.fulfill({ contentType: "text/html", body: html }));
  await page.goto(`${origin}/lure`);
}

const form = (action, fields) =>
  `<form id="f" method="post" action="${action}">${Object.entries(fields)
    .map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`).join("")}<button>Win a prize</button></form>`;

// Every form of ours, sent from elsewhere in the browser of somebody who is signed in.
const victim = await fresh();
await signIn(victim.page);
await victim.page.goto(`${ehr}/client/login?peer=${vro}`);
await victim.page.click('button[value="allow"]');
await victim.page.waitForURL((url) => url.href.startsWith(`${ehr}/client`));
const posts = {
  "/login": { username, password },
  "/login/code": { code: "123456", pending: "x" },
  "/consent": { decision: "allow", request: "x" },
  "/logout": {},
  "/language": { language: "es", here: "/account" },
  "/account/sessions/end": { session: "x" },
  "/account/sign-out-everywhere": {},
  "/account/applications/withdraw": { client_id: "x" },
  "/account/password": { current: password, new: "moss grows over the stone", again: "moss grows over the stone" },
  "/account/authenticator": {},
  "/account/authenticator/remove": {},
};
// One tab for all of them: a browser on a busy machine that opens and closes dozens fails at it now and then.
const tab = await victim.context.newPage();
for (const stranger of strangers) {
  for (const [path, fields] of Object.entries(posts)) {
    await lure(tab, stranger, form(office + path, fields));
    const [answer] = await Promise.all([tab.waitForResponse(office + path), tab.click("button")]);
    check(answer.status() === 403, `${path} posted from ${stranger} is refused: ${answer.status()}`);
    check(/did not come from our page/.test(await tab.textContent("h1")), `${path} from ${stranger}: the page says so`);
  }
  // The forms of the hospital's web client.
  for (const path of ["/client/deliver", "/client/sign-out"]) {
    await lure(tab, stranger, form(ehr + path, {}));
    const [answer] = await Promise.all([tab.waitForResponse(ehr + path), tab.click("button")]);
    // Another site's form comes without our cookies, as from nobody; the other port's comes with them and is refused.
    const expected = stranger === strangers[0] ? [303, 401, 403] : [403];
    check(expected.includes(answer.status()), `${path} posted from ${stranger} is refused: ${answer.status()}`);
  }
}
await victim.page.goto(`${office}/account`);
check(victim.page.url() === `${office}/account`, "the person is still signed in");
check((await victim.page.locator('form[action="/account/applications/withdraw"]').count()) === 1, "the application still has access");
check((await victim.page.locator(".cards form[action='/account/sessions/end']").count()) === 1, "in one session, as before");

await victim.page.goto(`${ehr}/client`);
check((await victim.page.locator('form[action$="/client/sign-out"]').count()) === 1, "and at the hospital's application");

// Framing.
for (const stranger of strangers) {
  for (const path of ["/login", "/account", "/logout"]) {
    const asked = (what) => what.url() === `${office}${path}`;
    const answered = Promise.race(["response", "requestfailed"].map((event) => tab.waitForEvent(event, asked)));
    await lure(tab, stranger, `<iframe src="${office}${path}"></iframe>`);
    await answered;
    await tab.waitForTimeout(300);
    const shown = await tab.frames().at(-1).content().catch(() => "");
    check(!/<main/.test(shown), `${path} is not shown in a frame of ${stranger}`);
  }
}

// Fixation: a session that was planted before the sign-in opens nothing after it.
const attacker = await fresh();
await signIn(attacker.page);
const cookies = await attacker.context.cookies(office);
const ours = (all) => all.find((cookie) => /-session$/.test(cookie.name) && cookie.name.includes(vro));
const session = ours(cookies);
check(session.httpOnly && session.secure && session.sameSite === "Lax" && session.name.startsWith("__Host-"), "the cookie's attributes");
const planted = { name: session.name, value: "A".repeat(43), url: office, secure: true, httpOnly: true, sameSite: "Lax" };
const fixed = await fresh();
await fixed.context.addCookies([planted]);
await signIn(fixed.page);
check(ours(await fixed.context.cookies(office)).value !== planted.value, "signing in gives a session of its own");
await attacker.context.clearCookies({ name: session.name });
await attacker.context.addCookies([planted]);
await attacker.page.goto(`${office}/account`);
check(attacker.page.url().startsWith(`${office}/login`), "and the planted one opens nothing");

// Links and parameters that would lead elsewhere.
const elsewhere = ["https://evil.example/", "//evil.example/", "/\\evil.example/", "/%09/evil.example", "javascript:alert(1)", "data:text/html,x"];
const traveller = await fresh();
await traveller.page.route("**/*", (route) =>
  new URL(route.request().url()).hostname === "localhost" ? route.continue() : route.abort());
const left = [];
traveller.page.on("request", (request) => { if (new URL(request.url()).hostname !== "localhost") left.push(request.url()); });
for (const target of elsewhere) {
  const value = encodeURIComponent(target);
  for (const path of [
    `/login?then=${value}`, `/login?request=${value}`, `/logout?post_logout_redirect_uri=${value}`, `/account?done=${value}`,
    `/oauth2/authorize?response_type=code&client_id=x&redirect_uri=${value}`, `/consent?request=${value}`, `/${target}`,
  ]) {
    await traveller.page.goto(office + path).catch(() => null);
  }
}
await signIn(traveller.page);
for (const target of elsewhere) {
  await traveller.page.goto(`${office}/account`);
  await traveller.page.evaluate((here) => { document.querySelector('form[action="/language"] [name="here"]').value = here; }, target);
  await traveller.page.click('form[action="/language"] button').catch(() => null);
  await traveller.page.waitForLoadState();
  check(new URL(traveller.page.url()).origin === office, `a choice of language stays here: ${traveller.page.url()}`);
}
check(left.filter((url) => !url.startsWith("data:")).length === 0, `nothing leads elsewhere: ${left.join(", ")}`);

// Names that are scripts, in every text that an operator or a partner stores.
const client = operate(
  vro, "client", "add", canary, "--auth", "none", "--redirect-uri", `${ehr}/canary`, "--scope", "user/Bundle.rs",
  "--audience", like.resources?.[0] ?? dataflow.resources[0], "--organization", canary, "--jurisdictions", like.jurisdictions.join(),
  "--record-types", like.record_types.join(), "--note", canary,
);
const reader = `canary.${process.pid}`;
const secret = operate(
  vro, "user", "add", reader, "--role", like.role, "--scope", "user/Bundle.rs", "--organization", canary,
  "--jurisdictions", like.jurisdictions.join(), "--record-types", like.record_types.join(), "--note", canary,
).password;
const { page, violations, context } = await fresh({ userAgent: `${canary} Firefox/1.0` });
const clean = async (where) => {
  check((await page.evaluate(() => window.stolen)) === undefined, `${where}: no script of a name's runs`);
  check((await page.locator("img[src='x']").count()) === 0, `${where}: a name makes no element`);
};
const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
await page.goto(`${office}/oauth2/authorize?${new URLSearchParams({
  response_type: "code", client_id: client.client_id, redirect_uri: `${ehr}/canary`, scope: "user/Bundle.rs", state: canary,
  code_challenge: challenge, code_challenge_method: "S256", login_hint: canary,
})}`);
await clean("sign-in");
check((await page.textContent("main")).includes(canary), "sign-in: the client's name is shown as it is");
check((await page.inputValue("#username")) === canary, "sign-in: the hint is shown as it is");
await page.fill("#username", canary);
await page.fill("#password", "not the password");
await page.click('form[action="/login"] button[type="submit"]');
await clean("refused sign-in");
await page.fill("#username", reader);
await page.fill("#password", secret);
await page.click('form[action="/login"] button[type="submit"]');
await page.waitForSelector('button[value="allow"]');
await clean("consent");
check((await page.textContent("main")).includes(canary), "consent: the names are shown as they are");
await shot(page, "attack-consent");
await page.click('button[value="allow"]');
await page.waitForURL(`${ehr}/canary?**`);
check(new URL(page.url()).searchParams.get("state") === canary, "the state comes back unchanged");
await page.goto(`${office}/account`);
await clean("account");
check((await page.textContent("main")).includes(canary), "account: the names are shown as they are");
await shot(page, "attack-account");
check(violations.length === 0, `no violation of the content security policy: ${violations.join("; ")}`);
await context.close();
await browser.close();
done("Chromium, attacks");
