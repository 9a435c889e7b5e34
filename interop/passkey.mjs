// A person adds passkeys, signs in with and without a password and is asked for more by an application, in real Chromium
// by keyboard alone. The device is Chromium's virtual authenticator, a program that knows nothing of ours.
import { createHash, randomBytes } from "node:crypto";
import { check, done, operate, register, sandbox } from "./sandbox.mjs";
import { accessible, browser, enter, focused, fresh, narrow, press, shot, tabTo } from "./chromium.mjs";

const dataflow = sandbox.dataflows[0];
const vro = dataflow.authorization_server;
const office = sandbox.parties[vro].origin;
const ehr = sandbox.parties[dataflow.client].origin;
const like = dataflow.users[0];
const username = `passkey.${process.pid}`;
const password = operate(
  vro, "user", "add", username, "--role", like.role, "--scope", like.scope, "--organization", like.organization,
  "--jurisdictions", like.jurisdictions.join(), "--record-types", like.record_types.join(),
).password;
const seen = [];

/// A browser with a device beside it. The device answers by itself only while it is told to.
async function device(credentials = []) {
  const opened = await fresh();
  const cdp = await opened.context.newCDPSession(opened.page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: false,
    },
  });
  const of = (more) => ({ authenticatorId, ...more });
  const held = async () => (await cdp.send("WebAuthn.getCredentials", of())).credentials;
  for (const credential of credentials) await cdp.send("WebAuthn.addCredential", of({ credential }));
  seen.push(opened);
  return {
    ...opened,
    held,
    touch: (enabled) => cdp.send("WebAuthn.setAutomaticPresenceSimulation", of({ enabled })),
    verify: (isUserVerified) => cdp.send("WebAuthn.setUserVerified", of({ isUserVerified })),
    hold: async (credential) => {
      await cdp.send("WebAuthn.clearCredentials", of());
      await cdp.send("WebAuthn.addCredential", of({ credential }));
    },
  };
}

async function givePassword(page) {
  await focused(page, "username");
  await page.keyboard.type(username);
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await enter(page);
}

/// Presses a button that leads to the device, and waits for the page that comes of it.
async function give(it, words) {
  await tabTo(it.page, words);
  await it.touch(true);
  await enter(it.page);
  await it.touch(false);
}

async function refusedBy(page, what) {
  await page.waitForSelector("[data-problem]:not([hidden])");
  check(/gave no passkey/.test(await page.textContent("[data-problem]:not([hidden])")), what);
}

// The first one, on the account.
const own = await device();
await own.page.goto(`${office}/login`);
await givePassword(own.page);
await accessible(own.page, "an account without passkeys");
await press(own.page, "Set up a passkey");
await accessible(own.page, "no passkey yet");
await narrow(own.page, "no passkey yet");
await tabTo(own.page, "Name");
await own.page.keyboard.type("office computer");
await own.verify(false);
await own.touch(true);
await own.page.keyboard.press("Enter");
await refusedBy(own.page, "a device that does not verify its person makes no passkey");
await accessible(own.page, "no passkey was made");
await own.touch(false);
await own.verify(true);
check((await own.held()).length === 0, "the device holds none");
await give(own, "Add a passkey");
const recovery = await own.page.locator(".codes code").allTextContents();
check(recovery.length === 10, "recovery codes come with the first second factor");
const [credential] = await own.held();
check(credential.isResidentCredential && credential.rpId === new URL(office).hostname, "the device holds it for the office's host");
await press(own.page, "I have kept them");
check(own.page.url().startsWith(`${office}/login`), "the password alone is not enough any more");

// Without a password: by the button, and where the username is typed.
await accessible(own.page, "the page to sign in, with passkeys");
await narrow(own.page, "the page to sign in, with passkeys");
await shot(own.page, "login-passkey");
await own.verify(false);
await own.touch(true);
await tabTo(own.page, "Sign in with a passkey");
await own.page.keyboard.press("Enter");
await refusedBy(own.page, "a device that does not verify its person gives no passkey");
check(await own.page.evaluate(() => document.activeElement.id === "passkey"), "the focus is on the button again");
await accessible(own.page, "no passkey was given");
await shot(own.page, "login-passkey-problem");
await own.touch(false);
await own.verify(true);
await give(own, "Sign in with a passkey");
check(own.page.url() === `${office}/account`, `signed in without a password: ${own.page.url()}`);
check(/1 passkey\./.test(await own.page.textContent("main")), "the account page shows it");
check(operate(vro, "user", "show", username).second_factor === true, "and so does the operator's command");
await accessible(own.page, "an account with a passkey");
await press(own.page, "Change them");
check(/office computer/.test(await own.page.textContent("main")), "the list shows it");
await accessible(own.page, "one passkey");
await narrow(own.page, "one passkey");
await shot(own.page, "passkeys");

const filled = await device(await own.held());
await filled.touch(true);
await filled.page.goto(`${office}/login`);
await filled.page.waitForURL(`${office}/account`);
check(true, "the browser offers it by itself where the username is typed");

// As the second step, and a recovery code in its place.
const second = await device(await filled.held());
await second.page.goto(`${office}/login`);
await givePassword(second.page);
check(/Confirm that it is you/.test(await second.page.textContent("h1")), "the passkey is asked for");
await accessible(second.page, "the second step with a passkey");
await narrow(second.page, "the second step with a passkey");
await shot(second.page, "code-passkey");
await give(second, "Use a passkey");
check(second.page.url() === `${office}/account`, `signed in with both: ${second.page.url()}`);
const lost = await fresh({ javaScriptEnabled: false });
await lost.page.goto(`${office}/login`);
check(!(await lost.page.isVisible("#passkey")), "without JavaScript no passkey is offered");
await lost.page.fill("#username", username);
await lost.page.fill("#password", password);
await lost.page.click('form[action="/login"] button');
check(/need JavaScript/.test(await lost.page.textContent("main")), "and the page says why");
await lost.page.fill("#code", recovery[0]);
await lost.page.click('form[action="/login/code"] button');
check(lost.page.url() === `${office}/account`, "a recovery code stands in for a passkey");
await lost.page.goto(`${office}/account/passkeys`);
check(/need JavaScript/.test(await lost.page.textContent("main")), "adding one needs it, too");
await lost.context.close();

// A copy: the counter of the original has gone on.
const [original] = await second.held();
check(original.signCount > credential.signCount, `the device counts: ${credential.signCount}, ${original.signCount}`);
const copy = await device([{ ...original, signCount: credential.signCount }]);
await copy.page.goto(`${office}/login`);
await give(copy, "Sign in with a passkey");
check(/does not sign you in/.test(await copy.page.textContent('[role="alert"]:not([hidden])')), "a copied passkey is refused");
await focused(copy.page, "problem");
await accessible(copy.page, "a refused passkey");
await shot(copy.page, "login-passkey-refused");
await copy.hold(original);
await give(copy, "Sign in with a passkey");
check(copy.page.url() === `${office}/account`, "the original is not");

// An application that asks for a passkey, and a person who has an app only.
const client = register(
  dataflow, "passkey", "--auth", "none", "--grant", "authorization_code", "--scope", like.scope, "--redirect-uri", `${ehr}/nowhere`,
);
const challenge = createHash("sha256").update(randomBytes(32)).digest("base64url");
const authorize = (acr) => `${office}/oauth2/authorize?${new URLSearchParams({
  response_type: "code", client_id: client.client_id, redirect_uri: `${ehr}/nowhere`, code_challenge: challenge,
  code_challenge_method: "S256", acr_values: acr,
})}`;
const third = await device(await copy.held());
await third.page.goto(`${office}/login`);
await givePassword(third.page);
await tabTo(third.page, "Recovery code");
await third.page.keyboard.type(recovery[1]);
await enter(third.page);
await third.page.goto(authorize("phr"));
check(/asks for more than that/.test(await third.page.textContent("main")), "more is asked for");
await accessible(third.page, "more is asked for");
await narrow(third.page, "more is asked for");
await shot(third.page, "step-up");
await give(third, "Use a passkey");
await third.page.waitForSelector('button[value="allow"]');
check(third.page.url().startsWith(`${office}/consent`), "the request goes on with a passkey");
await third.page.goto(authorize("urn:example:none"));
check(new URL(third.page.url()).searchParams.get("error") === "unmet_authentication_requirements", "what nobody has is said");

// Another name, another passkey, and none.
await own.page.goto(`${office}/login?then=passkeys`);
if (own.page.url().startsWith(`${office}/login`)) await give(own, "Sign in with a passkey");
await tabTo(own.page, "Rename or remove");
await own.page.keyboard.press("Enter");
await tabTo(own.page, "New name");
await own.page.keyboard.press("Control+A");
await own.page.keyboard.type("<i>tablet</i>");
await enter(own.page);
check((await own.page.textContent(".cards strong")) === "<i>tablet</i>", "the name is text");
await accessible(own.page, "a renamed passkey");
await tabTo(own.page, "Rename or remove");
await own.page.keyboard.press("Enter");
await accessible(own.page, "renaming or removing a passkey");
await narrow(own.page, "renaming or removing a passkey");
await press(own.page, "Remove");
check(own.page.url().startsWith(`${office}/login`), "everything ends when a passkey is removed");
await second.page.goto(`${office}/account`);
check(second.page.url() === `${office}/login`, "elsewhere, too");
await give(own, "Sign in with a passkey");
check(/does not sign you in/.test(await own.page.textContent('[role="alert"]:not([hidden])')), "a removed passkey is refused");
await own.page.goto(`${office}/login`);
await givePassword(own.page);
check(own.page.url() === `${office}/account`, "the password is enough again");

for (const { violations, context } of seen) {
  check(violations.length === 0, `no violation of the content security policy: ${violations.join("; ")}`);
  await context.close();
}
await browser.close();
done("Chromium, passkeys");
