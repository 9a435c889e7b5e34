// Administration in real Chromium by keyboard, of a party that was just made: the first administrator by the link of
// the first start, people and applications, an auditor, a clerk who is refused, a session that is ended elsewhere.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, done } from "./sandbox.mjs";

const free = () => new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});
const home = mkdtempSync(join(tmpdir(), "administration-"));
const party = join(home, "party");
const config = join(party, "vitalgate.toml");
const [port, internal] = [await free(), await free()];
const office = `https://vro.localhost:${port}`;
const vitalgate = (...command) => execFileSync(process.env.VITALGATE, command, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
vitalgate(
  "init", "--party", "vro", "--dir", party, "--origin", office, "--listen", `127.0.0.1:${port}`,
  "--internal", `127.0.0.1:${internal}`,
);
const operate = (...command) => JSON.parse(vitalgate(...command, "--config", config, "--output", "json"));
process.env.CERTIFICATE = join(party, "tls", "certificate.pem");
const { accessible, browser, enter, focused, fresh, narrow, press, shot, tabTo } = await import("./chromium.mjs");

const server = spawn(process.env.VITALGATE, ["serve", "--config", config], { stdio: ["ignore", "ignore", "pipe"] });
let said = "";
server.stderr.on("data", (text) => { said += text; });
const stop = () => { server.kill("SIGTERM"); rmSync(home, { recursive: true, force: true }); };
process.on("exit", stop);
for (let tries = 0; !/admin recover/.test(said); tries += 1) {
  if (tries > 1200 || server.exitCode !== null) throw new Error(`no link: ${said}`);
  await new Promise((resolve) => { setTimeout(resolve, 100); });
}
const link = said.match(/https:\/\/\S+\/setup\?token=\S+/)[0];
const code = (secret, at = "now") => execFileSync("oathtool", ["--totp", "--base32", "--now", at, secret]).toString().trim();
const type = async (page, label, text) => {
  await tabTo(page, label);
  await page.keyboard.press("Control+A");
  await page.keyboard.type(text);
};
const seen = new Set();
/// Every page once: axe in light and dark, 320 px, a picture.
const look = async (page, name) => {
  if (seen.has(name)) return;
  seen.add(name);
  await accessible(page, name);
  await narrow(page, name);
  await shot(page, `admin-${name}`);
};
const all = [];
const visitor = async (options) => {
  const made = await fresh({ viewport: { width: 1280, height: 900 }, ...options });
  all.push(made);
  return made.page;
};
const main = (page) => page.textContent("main");

// The first administrator, with the link of the start: what is wrong first.
const page = await visitor();
await page.goto(link);
await look(page, "setup");
await type(page, "Username", "ada.king");
await type(page, "New password", "too short");
await type(page, "New password once more", "too short");
await enter(page);
await focused(page, "problem");
check(/at least 15 characters/.test(await main(page)), "a short password is refused with what to do");
await look(page, "setup-refused");
await page.keyboard.press("Tab");
await page.keyboard.press("Enter");
await focused(page, "new");
const password = "lichen climbs the north wall";
await page.keyboard.type(password);
await type(page, "New password once more", password);
await enter(page);
check(/Set up an authenticator app/.test(await main(page)), "an administrator has to have a second factor");
const secret = (await page.textContent("dd code")).replaceAll(" ", "");
await type(page, "Six digits", code(secret));
await enter(page);
const recovery = await page.locator(".codes code").allTextContents();
await press(page, "I have kept them");
check(page.url() === `${office}/admin`, `the way ends at administration: ${page.url()}`);
await look(page, "overview");

/// Signs in anew: what is dangerous asks for a sign-in of the last five minutes, and axe takes its time.
const renew = async () => {
  await page.context().clearCookies();
  await page.goto(`${office}/admin/users`);
  check(page.url() === `${office}/login?then=administration`, "nobody is signed in");
  await look(page, "login");
  await focused(page, "username");
  await page.keyboard.type("ada.king");
  await type(page, "Password", password);
  await enter(page);
  await focused(page, "code");
  await page.keyboard.type(recovery.pop());
  await enter(page);
  check(page.url() === `${office}/admin/users`, `back at the page that was asked for: ${page.url()}`);
};

// Used up.
const late = await visitor();
await late.goto(link);
check(/admin recover/.test(await main(late)), "a used link says what to do");
await look(late, "setup-over");

// A person, by keyboard: added, found, looked at, changed with its difference shown.
await press(page, "People");
check(await page.locator('nav a[aria-current="page"]').textContent() === "People", "the place is marked");
await look(page, "users");
await press(page, "Add a person");
await look(page, "user-add");
await type(page, "Username", "Not A Name");
await type(page, "Jurisdictions", "MA");
await tabTo(page, "Add");
await enter(page);
await focused(page, "problem");
await look(page, "user-add-refused");
await page.keyboard.press("Tab");
await page.keyboard.press("Enter");
await focused(page, "username");
await page.keyboard.press("Control+A");
await page.keyboard.type("c.clerk");
await tabTo(page, "Add");
await enter(page);
await look(page, "user-added");
const clerkPassword = await page.textContent("code.secret");
await press(page, "Go to the person");
await look(page, "user");
await press(page, "Change role and reach");
await look(page, "user-change");
await type(page, "Jurisdictions", "MA");
await type(page, "Note", "works on Tuesdays");
await press(page, "Show what changes");
check(/works on Tuesdays/.test(await main(page)), "what changes is shown first");
await look(page, "user-change-review");
await press(page, "Change");
check(await page.locator('[role="status"]').count() === 1, "what was done is said");
await look(page, "user-changed");
const user = page.url().split("?")[0];
await press(page, "People");
await type(page, "Part of the username", "nobody-of-this-name");
await enter(page);
await look(page, "users-none");

// The clerk signs in, is refused here, and is signed out by the administrator.
const signIn = async (browserPage, name, pass) => {
  await browserPage.goto(`${office}/login`);
  await browserPage.fill("#username", name);
  await browserPage.fill("#password", pass);
  await browserPage.click('main button[type="submit"]');
};
const clerk = await visitor();
await signIn(clerk, "c.clerk", clerkPassword);
check(clerk.url() === `${office}/account`, "the clerk signs in");
check(await clerk.locator('main a[href="/admin"]').count() === 0, "no way to administration is shown to a clerk");
await clerk.goto(`${office}/admin/users`);
check(/not for your role/.test(await main(clerk)), "the clerk is refused");
check(/reference/.test(await main(clerk)), "with a reference");
await look(clerk, "refused");
await press(page, "Sessions");
await look(page, "sessions");
await page.goto(user);
await press(page, "End it");
await look(page, "session-end");
await press(page, "End the session");
check(/session is over/.test(await main(page)), "the session is over");
await clerk.goto(`${office}/account`);
check(clerk.url() === `${office}/login`, "and the clerk is signed out elsewhere");

// Each act shows its effect first; one is done.
await renew();
for (const act of ["set-password", "unlock", "end-sessions", "revoke-tokens", "disable", "remove"]) {
  await page.goto(`${user}/${act}`);
  await look(page, `user-${act}`);
}
await page.goto(`${user}/disable`);
await press(page, "Disable");
check(/disabled/.test(await main(page)), "the account is disabled");
await look(page, "user-disabled");
await signIn(clerk, "c.clerk", clerkPassword);
check(/not right/.test(await main(clerk)), "and cannot sign in");

// An application, by keyboard.
await renew();
await press(page, "Applications");
await look(page, "clients");
await press(page, "Add an application");
await look(page, "client-add");
await type(page, "Name", "Partner hospital");
await type(page, "Client identifier", "partner");
await type(page, "Audiences", `${office}/fhir`);
await tabTo(page, "Add");
await enter(page);
await look(page, "client-added");
await press(page, "Go to the application");
await look(page, "client");
await press(page, "Make a new secret");
await look(page, "client-rotate");
await press(page, "Make a new secret");
check((await page.textContent("code.secret")).length > 30, "the new secret is shown");
await press(page, "Go to the application");
await press(page, "Change the registration");
await look(page, "client-change");
await type(page, "Name", "Partner hospital of the north");
await press(page, "Show what changes");
await look(page, "client-change-review");
await press(page, "Change");
await press(page, "Disable");
await look(page, "client-disable");
await press(page, "Disable");
check(operate("client", "show", "partner").disabled === true, "the operator's command sees it at once");

await renew();
for (const [name, path] of [
  ["resource-servers", "resource-servers"], ["resource-server-add", "resource-servers/add"],
  ["issuers", "issuers"], ["keys", "keys"], ["key-rotate", "keys/rotate"], ["audit", "audit"],
]) {
  await page.goto(`${office}/admin/${path}`);
  await look(page, name);
}
await page.goto(`${office}/admin/keys/rotate`);
await press(page, "Show what it means");
await look(page, "key-rotate-review");
await page.goto(`${office}/admin/resource-servers`);
await press(page, "Remove");
await look(page, "resource-server-remove");
await renew();
await page.goto(`${office}/admin/audit?action=user.disable`);
check(/user\.disable/.test(await main(page)), "the act is in the audit");
await look(page, "audit-search");
await page.emulateMedia({ media: "print" });
await shot(page, "admin-audit-print");
await page.emulateMedia({ media: "screen" });
const [disposition, csv] = await page.evaluate(async (address) => {
  const answer = await fetch(address);
  return [answer.headers.get("content-disposition"), await answer.text()];
}, `${office}/admin/audit/export.csv?action=user.disable`);
check(disposition.includes("attachment"), "the audit as a file");
check(csv.includes("user.disable"), "with its rows");

// An auditor reads, and changes nothing.
const auditorPassword = operate(
  "user", "add", "a.auditor", "--role", "auditor", "--scope", "audit.read", "--all-organizations",
  "--organization", "Office", "--jurisdictions", "MA", "--record-types", "birth",
).password;
const auditor = await visitor();
await signIn(auditor, "a.auditor", auditorPassword);
await auditor.goto(`${office}/admin/audit`);
check(/Rows of the audit/.test(await main(auditor)), "the auditor reads the audit");
await auditor.goto(user);
check(await auditor.locator("main .ways a").count() === 0, "and is offered nothing to change");
await look(auditor, "auditor-user");
await auditor.goto(`${user}/enable`);
check(/not for your role/.test(await main(auditor)), "nor may");

// In Spanish, without JavaScript, and in the dark.
const plain = await visitor({ javaScriptEnabled: false, locale: "es-PR", colorScheme: "dark" });
await signIn(plain, "a.auditor", auditorPassword);
await plain.goto(`${office}/admin`);
check(/Administración/.test(await main(plain)), "in Spanish, without JavaScript");
await shot(plain, "admin-spanish-dark");
await plain.setViewportSize({ width: 320, height: 800 });
await plain.goto(`${office}/admin/users`);
await shot(plain, "admin-users-320");
await plain.goto(`${office}/admin/audit`);
await shot(plain, "admin-audit-320");
await plain.goto(`${office}/admin/nothing`);
check(/no existe/.test(await main(plain)), "a page that is not there is a page");
await shot(plain, "admin-not-found");

for (const { violations } of all) check(violations.length === 0, violations.join("; "));
await browser.close();
done("administration in Chromium");
// The party ends with this program, and does not keep it.
server.unref();
server.stderr.unref();
