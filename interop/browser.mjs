// One human in real Chromium: from the hospital's page to the office's sign-in, consent, delivery, sign-out.
import { readFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { X509Certificate, createHash } from "node:crypto";
import { chromium } from "playwright-core";
import { check, directory, done, sandbox } from "./sandbox.mjs";

const out = process.env.OUT ?? "out";
mkdirSync(out, { recursive: true });

// Chromium trusts exactly the keys of the sandbox's certificates, nothing else: no blanket ignoring.
const pins = Object.values(sandbox.parties).map((party) => {
  const pem = readFileSync(join(directory, party.certificate));
  const key = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64");
});
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", `--ignore-certificate-errors-spki-list=${pins.join(",")}`,
  ],
});
const dataflow = sandbox.dataflows[0];
const user = dataflow.users[0];
const ehr = sandbox.parties[dataflow.client].origin;

for (const javaScriptEnabled of [true, false]) {
  const context = await browser.newContext({ javaScriptEnabled });
  const page = await context.newPage();
  const violations = [];
  page.on("console", (message) => {
    if (/content security policy|refused to/i.test(message.text())) violations.push(message.text());
  });
  page.on("pageerror", (error) => violations.push(String(error)));
  const shot = (name) => page.screenshot({ path: join(out, `${name}.png`), fullPage: true });

  await page.goto(`${ehr}/client/login?peer=${dataflow.authorization_server}`);
  check(page.url().startsWith(sandbox.parties[dataflow.authorization_server].origin), "the office's own page");
  if (javaScriptEnabled) await shot("login");
  await page.fill('input[name="username"]', user.username);
  await page.fill('input[name="password"]', "not the password");
  await page.keyboard.press("Enter");
  await page.waitForSelector('[role="alert"]');
  if (javaScriptEnabled) await shot("login-refused");
  await page.fill('input[name="username"]', user.username);
  await page.fill('input[name="password"]', user.password);
  await page.keyboard.press("Enter");
  await page.waitForSelector('button[value="allow"]');
  if (javaScriptEnabled) await shot("consent");
  await page.setViewportSize({ width: 320, height: 800 });
  const wide = await page.evaluate?.(() => document.documentElement.scrollWidth).catch(() => 320);
  check(wide <= 320, `the consent page fits 320 px: ${wide}`);
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.click('button[value="allow"]');
  await page.waitForURL((url) => url.href.startsWith(`${ehr}/client`));
  if (javaScriptEnabled) await shot("signed-in");

  const field = page.locator('form[action$="/client/deliver"] textarea, form[action$="/client/deliver"] input[type="text"]').first();
  await field.fill(dataflow.sample_ids[0]);
  await page.click('form[action$="/client/deliver"] button');
  await page.waitForSelector("table");
  check(/same bytes|identical|delivered/i.test(await page.textContent("main")), "the delivery is shown");
  if (javaScriptEnabled) await shot("delivered");
  await page.goto(`${ehr}/client`);
  await page.click('form[action$="/client/sign-out"] button');
  check(violations.length === 0, `no violation of the content security policy: ${violations.join("; ")}`);
  await context.close();
}
const dark = await browser.newContext({ colorScheme: "dark", viewport: { width: 320, height: 800 } });
const page = await dark.newPage();
await page.goto(`${ehr}/client/login?peer=${dataflow.authorization_server}`);
await page.screenshot({ path: join(out, "login-dark-320.png"), fullPage: true });
await browser.close();
done("Chromium");
