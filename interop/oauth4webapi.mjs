// oauth4webapi (Node), used directly: every grant, every way to authenticate, and what is refused.
import * as oauth from "oauth4webapi";
import {
  addressed, authentication, clientCredentials, discovered, identified, redeem, registrations, signed,
} from "./oauth4webapi-clients.mjs";
import { check, clients, done, refused, sandbox } from "./sandbox.mjs";
import { signIn } from "./sign-in.mjs";

for (const dataflow of sandbox.dataflows) {
  const as = await discovered(dataflow);
  const { human, api } = registrations(dataflow);
  for (const client of human) await person(dataflow, as, client);
  for (const client of api) await system(dataflow, as, client);
  await refusedPeople(dataflow, as, human);
  await refusedSystems(dataflow, as, api);
}
done("oauth4webapi (Node)");

// A sign-in as far as the callback; `change` bends the authorization request.
async function authorize(dataflow, as, client, change = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(as.authorization_endpoint);
  const parameters = {
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: client.redirect_uri,
    scope: client.scope,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...change,
  };
  for (const [name, value] of Object.entries(parameters)) if (value) url.searchParams.set(name, value);
  for (const resource of dataflow.resources) url.searchParams.append("resource", resource);
  const callback = await signIn(url, client.redirect_uri, dataflow.users[0]);
  return { verifier, state, callback };
}

async function refresh(as, client, token, additionalParameters) {
  const answer = await oauth.refreshTokenGrantRequest(
    as, identified(client), authentication(as, client), token, { additionalParameters },
  );
  return oauth.processRefreshTokenResponse(as, identified(client), answer);
}

async function revoke(as, client, token) {
  const answer = await oauth.revocationRequest(as, identified(client), authentication(as, client), token);
  return oauth.processRevocationResponse(answer);
}

// As the source's resource server, plainly and signed (RFC 9701); both must say the same.
async function introspect(dataflow, as, token) {
  const { client_id, client_secret } = dataflow.introspection_client;
  const [algorithm] = as.introspection_signing_alg_values_supported;
  const caller = { client_id, introspection_signed_response_alg: algorithm };
  const ask = (requestJwtResponse) =>
    oauth.introspectionRequest(as, caller, oauth.ClientSecretBasic(client_secret), token, { requestJwtResponse });
  const plain = await oauth.processIntrospectionResponse(as, caller, await ask(false));
  const jwt = await ask(true);
  check(jwt.headers.get("content-type").startsWith("application/token-introspection+jwt"), "a signed answer");
  const inside = await oauth.processIntrospectionResponse(as, caller, jwt);
  await oauth.validateApplicationLevelSignature(as, jwt);
  check(JSON.stringify(plain) === JSON.stringify(inside), "the signed answer says the same");
  return plain;
}

async function read(dataflow, token) {
  const url = new URL(`${dataflow.resources[0]}/Bundle/${dataflow.sample_ids[0]}`);
  const answer = await oauth.protectedResourceRequest(token, "GET", url);
  check(answer.status === 200, `read at the source: ${answer.status}`);
}

async function person(dataflow, as, client) {
  const [source, receiver] = dataflow.resources;
  const request = await authorize(dataflow, as, client);
  check(request.callback.searchParams.get("iss") === as.issuer, `${client.auth}: the redirect names its issuer`);
  const first = await redeem(as, client, request, { additionalParameters: { resource: source } });
  check(first.token_type === "bearer" && first.expires_in > 0, `${client.auth}: the token`);
  await read(dataflow, first.access_token);
  const known = await introspect(dataflow, as, first.access_token);
  check(known.active && known.client_id === client.client_id, `${client.auth}: introspection`);
  check(known.username === dataflow.users[0].username && known.aud === source, "who, and for whom");
  check(known.scope === first.scope && known.iss === as.issuer, "what, and from whom");

  const second = await refresh(as, client, first.refresh_token, { resource: receiver });
  check(!(await introspect(dataflow, as, second.access_token)).active, "a token for somebody else is inactive");
  await refused("400 invalid_target", "a resource beyond the grant", () =>
    refresh(as, client, second.refresh_token, { resource: "https://elsewhere.example/fhir" }));
  await refused("400 invalid_scope", "a scope beyond the grant", () =>
    refresh(as, client, second.refresh_token, { scope: `${client.scope} user/Patient.rs` }));
  await refused("400 invalid_grant", "an access token as refresh token", () =>
    refresh(as, client, second.access_token));
  const narrow = await refresh(as, client, second.refresh_token, { scope: "user/Bundle.rs", resource: source });
  check(narrow.scope === "user/Bundle.rs", `a narrower scope: ${narrow.scope}`);
  await revoke(as, client, narrow.refresh_token);
  check(!(await introspect(dataflow, as, first.access_token)).active, "revoked with its family");
  await refused("401 invalid_token", "reading with a revoked token", () => read(dataflow, narrow.access_token));
  await refused("400 invalid_grant", "a revoked refresh token", () => refresh(as, client, narrow.refresh_token));
  await revoke(as, client, "nobody-issued-this");
}

async function system(dataflow, as, client) {
  const [source] = dataflow.resources;
  const token = await clientCredentials(as, client, { scope: client.scope, resource: source });
  check(token.refresh_token === undefined, "no refresh token for a system");
  check(token.scope === client.scope && token.expires_in <= sandbox.access_token_lifetime_s, "scope and life");
  await read(dataflow, token.access_token);
  const known = await introspect(dataflow, as, token.access_token);
  check(known.active && known.sub === client.client_id && known.username === undefined, "it acts for itself");
  check(known.organization === client.organization, "its organization");
  await revoke(as, client, token.access_token);
  await refused("401 invalid_token", "a revoked token", () => read(dataflow, token.access_token));
}

async function refusedPeople(dataflow, as, human) {
  const client = human.find((one) => one.auth === "client_secret_basic");
  const publicClient = human.find((one) => one.auth === "none");
  const used = await authorize(dataflow, as, client);
  const token = await redeem(as, client, used);
  await refused("400 invalid_grant", "a code twice", () => redeem(as, client, used));
  await refused("401 invalid_token", "a token whose code was used twice", () => read(dataflow, token.access_token));

  const verifier = oauth.generateRandomCodeVerifier();
  await refused("400 invalid_grant", "another verifier", async () =>
    redeem(as, client, { ...(await authorize(dataflow, as, client)), verifier }));
  await refused("400 invalid_grant", "another redirect URI", async () =>
    redeem(as, client, await authorize(dataflow, as, client), { redirect_uri: `${client.redirect_uri}/` }));
  await refused("400 invalid_grant", "another client's code", async () =>
    redeem(as, publicClient, await authorize(dataflow, as, client)));
  await refused("401 invalid_client", "a confidential client without its secret", async () =>
    redeem(as, client, await authorize(dataflow, as, client), {}, oauth.None()));

  for (const [error, what, change] of [
    ["invalid_request", "no challenge", { code_challenge: "" }],
    ["invalid_request", "the plain challenge", { code_challenge_method: "plain" }],
    ["unsupported_response_type", "the implicit grant", { response_type: "token" }],
    ["invalid_scope", "a scope that is not registered", { scope: "system/Bundle.crs" }],
  ]) {
    const { callback, state } = await authorize(dataflow, as, client, change);
    check(callback.searchParams.get("iss") === as.issuer, `${what}: the error names its issuer`);
    let seen = null;
    try {
      oauth.validateAuthResponse(as, identified(client), callback, state);
    } catch (answer) {
      seen = answer.error;
    }
    check(seen === error, `${what}: ${seen}`);
  }
}

async function refusedSystems(dataflow, as, api) {
  const client = api.find((one) => one.auth === "client_secret_basic");
  const post = api.find((one) => one.auth === "client_secret_post");
  const wrong = oauth.generateRandomState();
  const denied = (what, one, by) =>
    refused("401 invalid_client", what, () => clientCredentials(as, one, {}, by));
  await denied("a wrong secret", client, oauth.ClientSecretBasic(wrong));
  await denied("a wrong secret in the form", post, oauth.ClientSecretPost(wrong));
  await denied("the secret in the form", client, oauth.ClientSecretPost(client.client_secret));
  await denied("the secret in the header", post, oauth.ClientSecretBasic(post.client_secret));
  await denied("an HMAC with the secret", client, oauth.ClientSecretJwt(client.client_secret));
  await denied("a client that nobody registered", { client_id: wrong }, oauth.ClientSecretBasic(wrong));
  for (const note of ["disabled", "its secret has expired"]) {
    const one = dataflow.clients.find((candidate) => candidate.note === note);
    await denied(note, one, authentication(as, one));
  }
  for (const one of api.filter((candidate) => candidate.auth === "private_key_jwt")) {
    const other = one.assertion_audience === as.issuer ? as.token_endpoint : as.issuer;
    const bent = (change) =>
      signed(one, (header, claims) => {
        addressed(as, one, header, claims);
        change(claims);
      });
    await denied("the other audience", one, bent((claims) => (claims.aud = other)));
    await denied("two audiences", one, bent((claims) => (claims.aud = [as.issuer, as.token_endpoint])));
    const jti = oauth.generateRandomState();
    await clientCredentials(as, one, {}, bent((claims) => (claims.jti = jti)));
    await denied("an assertion's jti again", one, bent((claims) => (claims.jti = jti)));
  }

  const publicClient = clients(dataflow, "human").find((one) => one.auth === "none");
  await refused("400 unauthorized_client", "a public client for itself", () => clientCredentials(as, publicClient));
  await refused("400 invalid_scope", "a scope beyond the registration", () =>
    clientCredentials(as, client, { scope: "system/Patient.rs" }));
  await refused("400 invalid_target", "a resource beyond the registration", () =>
    clientCredentials(as, client, { resource: "https://elsewhere.example/fhir" }));
  await refused("400 unsupported_grant_type", "the password grant", async () => {
    const answer = await oauth.genericTokenEndpointRequest(
      as, identified(client), authentication(as, client), "password", dataflow.users[0],
    );
    return oauth.processGenericTokenEndpointResponse(as, identified(client), answer);
  });
  const stranger = { client_id: client.client_id };
  await refused("401 invalid_client", "introspection by a client", async () => {
    const answer = await oauth.introspectionRequest(as, stranger, authentication(as, client), "any");
    return oauth.processIntrospectionResponse(as, stranger, answer);
  });
  const again = await clientCredentials(as, client, { resource: dataflow.resources[0] });
  await refused("400 invalid_grant", "revoking another client's token", () => revoke(as, post, again.access_token));
  check((await introspect(dataflow, as, again.access_token)).active, "it lives on");
}
