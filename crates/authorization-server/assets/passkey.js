// Passkeys. A form with data-passkey asks our server what to ask the browser for, asks it, puts the answer into its own
// fields and posts itself like any form. It is hidden where the browser has no passkeys.

const bytes = (text) => {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
};
const text = (buffer) => {
  const plain = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};
const named = (list) => (list ?? []).map((it) => ({ ...it, id: bytes(it.id) }));

// What is waited for; asking again ends it.
let waiting;

async function question(form) {
  const body = new URLSearchParams(new FormData(form));
  const answer = await fetch(form.dataset.options, { method: "POST", body, headers: { accept: "application/json" } });
  if (answer.redirected) {
    // The sign-in has become too old meanwhile.
    location.assign(answer.url);
    return undefined;
  }
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.json();
}

async function ask(form, mediation) {
  const asked = await question(form);
  if (!asked) return undefined;
  const options = { ...asked.publicKey, challenge: bytes(asked.publicKey.challenge) };
  waiting?.abort();
  waiting = new AbortController();
  const { signal } = waiting;
  if (form.dataset.passkey === "create") {
    options.user = { ...options.user, id: bytes(options.user.id) };
    options.excludeCredentials = named(options.excludeCredentials);
    const made = await navigator.credentials.create({ publicKey: options, signal });
    return [asked.ceremony, made, { attestationObject: text(made.response.attestationObject) }];
  }
  options.allowCredentials = named(options.allowCredentials);
  const given = await navigator.credentials.get({ publicKey: options, signal, mediation });
  const { authenticatorData, signature, userHandle } = given.response;
  return [asked.ceremony, given, {
    authenticatorData: text(authenticatorData),
    signature: text(signature),
    userHandle: userHandle ? text(userHandle) : null,
  }];
}

function post(form, [ceremony, credential, response]) {
  form.elements.ceremony.value = ceremony;
  form.elements.credential.value = JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response: { ...response, clientDataJSON: text(credential.response.clientDataJSON) },
  });
  form.submit();
}

async function press(event) {
  event.preventDefault();
  const form = event.target;
  const problem = form.querySelector("[data-problem]");
  const button = form.querySelector("button");
  problem.hidden = true;
  button.disabled = true;
  try {
    const answer = await ask(form);
    if (answer) post(form, answer);
  } catch {
    // The browser does not say why, and the person knows: cancelled, no such passkey, the wrong finger.
    problem.hidden = false;
    button.disabled = false;
    button.focus();
  }
}

// Offers passkeys where the username is typed, in browsers that can.
async function offer(form) {
  try {
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    const answer = await ask(form, "conditional");
    if (answer) post(form, answer);
  } catch {
    // The button is still there.
  }
}

if (window.PublicKeyCredential) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", press);
    if ("offered" in form.dataset) offer(form);
  }
}
