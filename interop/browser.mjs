// One human in real Chromium: from the hospital's page to the office's sign-in, consent, delivery, sign-out.
import { check, done, sandbox } from "./sandbox.mjs";
import { browser, forget, fresh, narrow, shot as keep } from "./chromium.mjs";

const dataflow = sandbox.dataflows[0];
const user = dataflow.users[0];
const ehr = sandbox.parties[dataflow.client].origin;

await forget(sandbox.parties[dataflow.authorization_server].origin, user);
for (const javaScriptEnabled of [true, false]) {
  const { context, page, violations } = await fresh({ javaScriptEnabled });
  const shot = (name) => keep(page, name);

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
  if (javaScriptEnabled) {
    await page.waitForSelector('button[value="allow"]');
    await shot("consent");
    await narrow(page, "the consent page");
    await page.click('button[value="allow"]');
  }
  // What was allowed in the first round is not asked in the second.
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
const { page } = await fresh({ colorScheme: "dark", viewport: { width: 320, height: 800 } });
await page.goto(`${ehr}/client/login?peer=${dataflow.authorization_server}`);
await keep(page, "login-dark-320");
await browser.close();
done("Chromium");
