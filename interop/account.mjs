// A person's own account in real Chromium, by keyboard alone: signing in without an application, ending a session
// that is open elsewhere, taking an application's access back, another password.
import { check, done, sandbox } from "./sandbox.mjs";
import { accessible, browser, enter, focused, forget, fresh, narrow, press, shot, tabTo } from "./chromium.mjs";

const dataflow = sandbox.dataflows[0];
const user = dataflow.users[0];
const office = sandbox.parties[dataflow.authorization_server].origin;
const ehr = sandbox.parties[dataflow.client].origin;

async function signIn(page, password) {
  await page.goto(`${office}/login`);
  await focused(page, "username");
  await page.keyboard.type(user.username);
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await enter(page);
}

async function changePassword(page, present, next) {
  await press(page, "Change the password");
  for (const [label, text] of [["Present", present], ["New password", next], ["New password once more", next]]) {
    await tabTo(page, label);
    await page.keyboard.type(text);
  }
  await enter(page);
}

await forget(office, user);
const { page, violations, context } = await fresh();
await page.goto(`${office}/login`);
await accessible(page, "sign-in to the account");
await narrow(page, "sign-in to the account");
await signIn(page, "not the password");
check((await page.title()).startsWith("Error"), "the title says that it failed");
await focused(page, "problem");
await accessible(page, "refused sign-in");
await signIn(page, user.password);
check(page.url() === `${office}/account`, `the account page: ${page.url()}`);

// A hospital's application gets access, in the same browser.
await page.goto(`${ehr}/client/login?peer=${dataflow.authorization_server}`);
await page.waitForSelector('button[value="allow"]');
await accessible(page, "consent");
await page.click('button[value="allow"]');
await page.waitForURL((url) => url.href.startsWith(`${ehr}/client`));
await page.goto(`${ehr}/client/login?peer=${dataflow.authorization_server}`);
await page.waitForURL((url) => url.href.startsWith(`${ehr}/client`));
check(true, "the same is not asked twice");
const elsewhere = await fresh();
await signIn(elsewhere.page, user.password);
check(elsewhere.page.url() === `${office}/account`, `signed in elsewhere: ${elsewhere.page.url()}`);

await page.goto(`${office}/account`);
await accessible(page, "account");
await narrow(page, "account");
await shot(page, "account");
await page.emulateMedia({ colorScheme: "dark" });
await shot(page, "account-dark");
await page.emulateMedia({ colorScheme: "light" });
await press(page, "Español");
check(/Su cuenta/.test(await page.textContent("h1")), "the page speaks Spanish");
await accessible(page, "account, Spanish");
await narrow(page, "account, Spanish");
await shot(page, "account-es");
await press(page, "English");
check(/Your account/.test(await page.textContent("h1")), "and English again");
await press(page, "End this session");
check(/That session is over/.test(await page.textContent("main")), "the page says what was done");
await elsewhere.page.goto(`${office}/account`);
check(elsewhere.page.url() === `${office}/login`, "the other browser is signed out");

await press(page, "Take the access back");
check(/None at the moment/.test(await page.textContent("main")), "no application has access any more");
await page.goto(`${ehr}/client/login?peer=${dataflow.authorization_server}`);
await page.waitForSelector('button[value="allow"]');
await page.click('button[value="deny"]');
await page.waitForURL((url) => url.href.startsWith(`${ehr}/client`));
await shot(page, "consent-refused");
await page.goto(`${office}/account`);
check(/None at the moment/.test(await page.textContent("main")), "a refusal gives nothing");
await shot(page, "account-withdrawn");

await press(page, "Change the password");
await accessible(page, "password");
await narrow(page, "password");
await shot(page, "password");
await page.goto(`${office}/account`);
await changePassword(page, "not the password", "another moss grows elsewhere");
check(/present password is not right/.test(await page.textContent('[role="alert"]')), "the present password is asked");
await accessible(page, "refused password");
await shot(page, "password-refused");
await page.goto(`${office}/account`);
await changePassword(page, user.password, "another moss grows elsewhere");
check(/password is changed/.test(await page.textContent('[role="status"]')), "the password is changed");
await changePassword(page, "another moss grows elsewhere", user.password);
check(/password is changed/.test(await page.textContent('[role="status"]')), "and changed back");

await press(page, "Sign out everywhere");
check(/You are signed out/.test(await page.textContent("main")), "signed out everywhere");
await accessible(page, "signed out");
await shot(page, "signed-out");
check(violations.length === 0, `no violation of the content security policy: ${violations.join("; ")}`);
await context.close();
await browser.close();
done("Chromium, the account");
