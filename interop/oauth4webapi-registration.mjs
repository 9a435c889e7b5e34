// oauth4webapi (Node): pushed requests (RFC 9126), registration (RFC 7591, 7592) and the metadata of a
// protected resource (RFC 9728).
import * as oauth from "oauth4webapi";
import {
  authentication, clientCredentials, discovered, identified, redeem, registrations,
} from "./oauth4webapi-clients.mjs";
import { check, done, operate, refused, register, sandbox } from "./sandbox.mjs";
import { signIn } from "./sign-in.mjs";

const dataflow = sandbox.dataflows[0];
const office = dataflow.authorization_server;
const as = await discovered(dataflow);
const { human } = registrations(dataflow);
for (const client of human) await pushed(client);
await refusedPushes();
await registration();
for (const resource of dataflow.resources) await protectedResource(resource);
done("oauth4webapi (Node), pushed requests and registration");

// A request as the client pushes it; `change` bends it.
async function push(client, change = {}, by = authentication(as, client)) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const parameters = new URLSearchParams({
    response_type: "code", redirect_uri: client.redirect_uri, scope: client.scope, state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...change,
  });
  const answer = await oauth.pushedAuthorizationRequest(as, identified(client), by, parameters);
  const { request_uri, expires_in } = await oauth.processPushedAuthorizationResponse(as, identified(client), answer);
  return { verifier, state, request_uri, expires_in };
}

function address(client, request_uri, more = {}) {
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({ client_id: client.client_id, request_uri, ...more });
  return url;
}

async function pushed(client) {
  const { verifier, state, request_uri, expires_in } = await push(client);
  check(expires_in > 0 && expires_in < 600, `${client.auth}: the reference lives ${expires_in} s`);
  // What stands in the browser's address beside the reference counts for nothing.
  const url = address(client, request_uri, { scope: "system/AuditEvent.rs", redirect_uri: "https://elsewhere.example" });
  const callback = await signIn(url, client.redirect_uri, dataflow.users[0]);
  const token = await redeem(as, client, { callback, state, verifier });
  check(token.scope === client.scope, `${client.auth}: the scope that was pushed: ${token.scope}`);
}

async function refusedPushes() {
  const client = human.find((one) => one.auth === "client_secret_basic");
  const other = human.find((one) => one.auth === "client_secret_post");
  await refused("401 invalid_client", "a push with a wrong secret", () =>
    push(client, {}, oauth.ClientSecretBasic("wrong")));
  await refused("401 invalid_client", "a push without a secret", () => push(client, {}, oauth.None()));
  for (const [error, what, change] of [
    ["invalid_request", "no challenge", { code_challenge: "" }],
    ["invalid_request", "the plain challenge", { code_challenge_method: "plain" }],
    ["unsupported_response_type", "the implicit grant", { response_type: "token" }],
    ["invalid_scope", "a scope that is not registered", { scope: "system/AuditEvent.rs" }],
    ["invalid_request", "another redirect URI", { redirect_uri: `${client.redirect_uri}/` }],
    ["invalid_request", "a reference in a push", { request_uri: "urn:ietf:params:oauth:request_uri:x" }],
    ["invalid_target", "a resource that is not registered", { resource: "https://elsewhere.example/fhir" }],
  ]) await refused(`400 ${error}`, `a push with ${what}`, () => push(client, change));

  const page = async (what, url) => {
    const answer = await fetch(url, { redirect: "manual" });
    check(answer.status === 400 && !answer.headers.has("location"), `${what}: ${answer.status}`);
  };
  const { request_uri } = await push(client);
  await page("another client's reference", address(other, request_uri));
  await page("a reference that nobody was given", address(client, `${request_uri}x`));
  await signIn(address(client, request_uri), client.redirect_uri, dataflow.users[0]);
  await page("a reference that was used", address(client, request_uri));

  const strict = {
    ...register(dataflow, "strict", "--scope", client.scope, "--redirect-uri", client.redirect_uri, "--require-par"),
    redirect_uri: client.redirect_uri,
  };
  await pushed(strict);
  const url = address(strict, "");
  url.search = new URLSearchParams({
    response_type: "code", client_id: strict.client_id, redirect_uri: strict.redirect_uri, scope: strict.scope,
    state: "state", code_challenge: "x".repeat(43), code_challenge_method: "S256",
  });
  const answer = await signIn(url, strict.redirect_uri, dataflow.users[0]);
  check(answer.searchParams.get("error") === "invalid_request", `a request that was not pushed: ${answer.search}`);
}

async function registration() {
  const like = dataflow.clients[0];
  const { initial_access_token } = operate(
    office, "initial-token", "add", "a partner", "--scope", "system/Bundle.rs", "--audience", dataflow.resources[0],
    "--organization", like.organization, "--jurisdictions", "MA", "--record-types", "birth",
    "--auth", "client_secret_basic",
  );
  const wanted = {
    client_name: "A partner's program", grant_types: ["client_credentials"],
    token_endpoint_auth_method: "client_secret_basic", scope: "system/Bundle.rs",
  };
  const ask = async (metadata, initialAccessToken = initial_access_token) => {
    const answer = await oauth.dynamicClientRegistrationRequest(as, metadata, { initialAccessToken });
    return oauth.processDynamicClientRegistrationResponse(answer);
  };
  await refused("401 invalid_token", "a registration with a token that nobody issued", () => ask(wanted, "nobody"));
  for (const [what, change] of [
    ["more scope than the policy", { scope: "system/Bundle.crs" }],
    ["another grant", { grant_types: ["authorization_code"], redirect_uris: ["https://a.example/callback"] }],
    ["no authentication", { token_endpoint_auth_method: "none" }],
  ]) await refused("400 invalid_client_metadata", `a registration with ${what}`, () => ask({ ...wanted, ...change }));

  const made = await ask(wanted);
  check(made.scope === wanted.scope && made.client_name === wanted.client_name, "what was registered");
  await refused("401 invalid_token", "an initial access token twice", () => ask(wanted));
  const client = { ...made, auth: made.token_endpoint_auth_method };
  const token = await clientCredentials(as, client);
  check(token.scope === wanted.scope, "a client that registered itself gets a token");

  const manage = async (method, bearer, body) => {
    const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
    return fetch(made.registration_client_uri, { method, headers, body: body && JSON.stringify(body) });
  };
  check((await manage("GET", "nobody")).status === 401, "another's registration access token");
  check((await (await manage("GET", made.registration_access_token)).json()).client_id === made.client_id, "reading it");
  const wider = { ...wanted, client_id: made.client_id, scope: "system/Bundle.crs" };
  check((await manage("PUT", made.registration_access_token, wider)).status === 400, "the policy holds for changes");
  check((await manage("DELETE", made.registration_access_token)).status === 204, "deleting it");
  await refused("401 invalid_client", "a client that deleted itself", () => clientCredentials(as, client));
}

async function protectedResource(resource) {
  const identifier = new URL(resource);
  const answer = await oauth.resourceDiscoveryRequest(identifier);
  const metadata = await oauth.processResourceDiscoveryResponse(identifier, answer);
  check(metadata.authorization_servers.includes(as.issuer), "whom to ask for tokens");
  let named = null;
  try {
    await oauth.protectedResourceRequest("nobody", "GET", new URL(`${resource}/Bundle`));
  } catch (error) {
    named = error.cause[0].parameters.resource_metadata;
  }
  check(named === answer.url, `the challenge names its metadata: ${named}`);
}
