// Real Chromium on the sandbox: pages whose every violation of the content security policy counts, screenshots,
// axe-core at WCAG 2.2 AA.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { X509Certificate, createHash } from "node:crypto";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";
import { check, file, sandbox } from "./sandbox.mjs";

const out = process.env.OUT ?? "out";
mkdirSync(out, { recursive: true });

// Chromium trusts exactly the keys of the sandbox's certificates, nothing else: no blanket ignoring.
// A script that runs a party of its own names its certificate in CERTIFICATE, before it imports this.
const own = process.env.CERTIFICATE ? [readFileSync(process.env.CERTIFICATE)] : [];
const pins = [...Object.values(sandbox.parties).map((party) => file(party.certificate)), file(sandbox.faulty_issuer.cert), ...own].map((pem) => {
  const key = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64");
});
export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", `--ignore-certificate-errors-spki-list=${pins.join(",")}`,
  ],
});

/// A page in a browser of its own; `violations` fills with what the policy stopped and scripts that failed.
export async function fresh(options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const violations = [];
  page.on("console", (message) => {
    if (/content security policy|refused to/i.test(message.text())) violations.push(message.text());
  });
  page.on("pageerror", (error) => violations.push(String(error)));
  return { context, page, violations };
}

export const shot = (page, name) => page.screenshot({ path: join(out, `${name}.png`), fullPage: true });

/// Fails when axe-core finds anything at WCAG 2.2 AA, in light or in dark. Without motion: a button on its way from one colour
/// to the other is no state of the page, and a slow machine would measure it.
export async function accessible(page, name) {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations, passes } = await new AxeBuilder({ page })
      .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
      .analyze();
    const found = violations.map((it) => `${it.id} (${it.nodes.map((node) => node.html).join(" | ")})`);
    check(found.length === 0, `${name}, ${colorScheme}: ${found.join("; ")}`);
    check(passes.length > 10, `${name}: axe looked at the page`);
  }
}

/// Fails when the page is wider than a phone of 320 px.
export async function narrow(page, name) {
  const size = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 800 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  check(width <= 320, `${name} fits 320 px: ${width}`);
  await page.setViewportSize(size);
}

/// Moves the focus with Tab until it is on what the page shows under these words, and fails if it never is.
export async function tabTo(page, words) {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate((wanted) => {
      const element = document.activeElement;
      const label = element.labels?.[0]?.textContent ?? element.textContent;
      return label.trim().startsWith(wanted);
    }, words);
    if (found) return;
  }
  throw new Error(`no Tab reaches: ${words}`);
}

/// Presses Enter and waits for the page that comes of it.
export async function enter(page) {
  await Promise.all([page.waitForEvent("framenavigated"), page.keyboard.press("Enter")]);
  await page.waitForLoadState();
}

export async function press(page, words) {
  await tabTo(page, words);
  await enter(page);
}

/// Waits until the page has put the focus there by itself; whoever types before loses letters.
export async function focused(page, id) {
  for (let tries = 0; tries < 600; tries += 1) {
    if ((await page.evaluate(() => document.activeElement?.id)) === id) return;
    await page.waitForTimeout(50);
  }
  throw new Error(`the focus is not on ${id}`);
}

/// A person who has allowed nothing: signing out everywhere forgets what other scripts have allowed for this one.
export async function forget(office, user) {
  const { context, page } = await fresh();
  await page.goto(`${office}/login`);
  await page.fill("#username", user.username);
  await page.fill("#password", user.password);
  await page.click('button[type="submit"]');
  await page.click('form[action="/account/sign-out-everywhere"] button');
  await page.waitForURL(`${office}/logout`);
  await context.close();
}
