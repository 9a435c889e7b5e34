// A person sets up an authenticator app and signs in with it, in real Chromium by keyboard alone. The app is oathtool,
// and the camera that reads the image is zbarimg: programs that know nothing of ours.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { check, directory, done, operate, sandbox } from "./sandbox.mjs";
import { accessible, browser, enter, focused, fresh, narrow, press, shot, tabTo } from "./chromium.mjs";

const dataflow = sandbox.dataflows[0];
const vro = dataflow.authorization_server;
const office = sandbox.parties[vro].origin;
const ehr = sandbox.parties[dataflow.client].origin;
const like = dataflow.users[0];
const username = `second.factor.${process.pid}`;
const add = (name, role) => operate(
  vro, "user", "add", name, "--role", role, "--scope", like.scope, "--organization", like.organization,
  "--jurisdictions", like.jurisdictions.join(), "--record-types", like.record_types.join(),
).password;
const password = add(username, like.role);

/// What the app shows; the code of the next half minute counts too.
const code = (secret, at = "now") => execFileSync("oathtool", ["--totp", "--base32", "--now", at, secret]).toString().trim();

async function givePassword(page, name = username, secret = password) {
  await focused(page, "username");
  await page.keyboard.type(name);
  await page.keyboard.press("Tab");
  await page.keyboard.type(secret);
  await enter(page);
}

const { page, violations, context } = await fresh();
await page.goto(`${office}/login`);
await givePassword(page);
await press(page, "Set up an authenticator app");
await accessible(page, "no app yet");
await press(page, "Set one up");
await accessible(page, "the app's key");
await narrow(page, "the app's key");
await shot(page, "authenticator");
const secret = (await page.textContent("dd code")).replaceAll(" ", "");
const image = join(directory, "qr.png");
await page.locator("img.code").screenshot({ path: image });
const scanned = new URL(execFileSync("zbarimg", ["--quiet", "--raw", "--nodbus", image]).toString().trim());
check(scanned.searchParams.get("secret") === secret, `the image holds the key: ${scanned.protocol}`);
check(scanned.protocol === "otpauth:" && scanned.host === "totp", "the image is a TOTP account");
check(decodeURIComponent(scanned.pathname).endsWith(`:${username}`), "the image names the person");

await tabTo(page, "Six digits");
await page.keyboard.type("000000");
await enter(page);
check(/not the one/.test(await page.textContent('[role="alert"]')), "a wrong code sets nothing up");
await accessible(page, "a wrong code");
await tabTo(page, "Six digits");
await page.keyboard.type(code(secret));
await enter(page);
const recovery = await page.locator(".codes code").allTextContents();
check(recovery.length === 10 && new Set(recovery).size === 10, "ten recovery codes are shown");
await accessible(page, "recovery codes");
await narrow(page, "recovery codes");
await page.goto(`${office}/account`);
check(/An authenticator app/.test(await page.textContent("main")), "the account page shows it");
check(operate(vro, "user", "show", username).second_factor === true, "and so does the operator's command");

// From another browser: the password alone is not enough, a code that was used is not either.
const other = await fresh();
await other.page.goto(`${office}/login`);
await givePassword(other.page);
check(/Enter your code/.test(await other.page.textContent("h1")), "the code is asked for");
await accessible(other.page, "enter your code");
await narrow(other.page, "enter your code");
await shot(other.page, "code");
await focused(other.page, "code");
await other.page.keyboard.type("123456");
await enter(other.page);
await focused(other.page, "problem");
await shot(other.page, "code-refused");
await tabTo(other.page, "Code");
await other.page.keyboard.type(code(secret, "now + 30 seconds"));
await enter(other.page);
check(other.page.url() === `${office}/account`, `signed in with both: ${other.page.url()}`);
check(other.violations.length === 0, other.violations.join("; "));

// Through an application, without JavaScript, with a recovery code; then with the same once more.
for (const right of [true, false]) {
  const plain = await fresh({ javaScriptEnabled: false });
  await plain.page.goto(`${ehr}/client/login?peer=${vro}`);
  await plain.page.fill("#username", username);
  await plain.page.fill("#password", password);
  await plain.page.click('button[type="submit"]');
  await plain.page.fill("#code", recovery[0].toUpperCase());
  await plain.page.click('button[type="submit"]');
  if (right) await plain.page.waitForSelector('button[value="allow"]');
  else await plain.page.waitForSelector('[role="alert"]');
  check(true, `a recovery code counts once: ${right}`);
  await plain.context.close();
}

// An administrator's role demands it: it is set up at the first sign-in.
const chief = `chief.${process.pid}`;
const first = await fresh();
const chiefPassword = add(chief, "administrator");
await first.page.goto(`${office}/login`);
await givePassword(first.page, chief, chiefPassword);
check(/Set up an authenticator app/.test(await first.page.textContent("h1")), "the role demands a second factor");
await accessible(first.page, "enrolment");
await narrow(first.page, "enrolment");
await shot(first.page, "enrol");
const key = (await first.page.textContent("dd code")).replaceAll(" ", "");
await tabTo(first.page, "Six digits");
await first.page.keyboard.type(code(key));
await enter(first.page);
await shot(first.page, "recovery-codes");
await press(first.page, "I have kept them");
check(first.page.url() === `${office}/account`, `the administrator is in: ${first.page.url()}`);
check(first.violations.length === 0, first.violations.join("; "));

// The operator takes it away: every session ends, and the password is enough again.
operate(vro, "user", "reset-second-factor", username);
await page.goto(`${office}/account`);
check(page.url() === `${office}/login`, "the sessions are over");
await givePassword(page);
check(page.url() === `${office}/account`, "the password is enough again");
check(violations.length === 0, `no violation of the content security policy: ${violations.join("; ")}`);
await context.close();
await browser.close();
done("Chromium, the second factor");
