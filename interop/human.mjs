// The human flow with openid-client (Node), for every dataflow and both kinds of human client.
import * as oauth from "openid-client";
import { check, clients, criteria, done, sandbox } from "./sandbox.mjs";
import { signIn } from "./sign-in.mjs";

for (const dataflow of sandbox.dataflows) {
  const issuer = sandbox.parties[dataflow.authorization_server].issuer;
  for (const client of clients(dataflow, "human")) {
    const authentication =
      client.auth === "none" ? oauth.None() : oauth.ClientSecretBasic(client.client_secret);
    const configuration = await oauth.discovery(
      new URL(issuer), client.client_id, {}, authentication, { algorithm: "oauth2" },
    );
    const verifier = oauth.randomPKCECodeVerifier();
    const state = oauth.randomState();
    const parameters = new URLSearchParams({
      redirect_uri: client.redirect_uri,
      scope: client.scope,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    for (const resource of dataflow.resources) parameters.append("resource", resource);
    const authorize = oauth.buildAuthorizationUrl(configuration, parameters);
    const callback = await signIn(authorize, client.redirect_uri, dataflow.users[0]);
    check(callback.searchParams.get("iss") === issuer, "the redirect names its issuer");

    const [source, receiver] = dataflow.resources;
    const first = await oauth.authorizationCodeGrant(
      configuration, callback, { pkceCodeVerifier: verifier, expectedState: state }, { resource: source },
    );
    check(first.token_type === "bearer", "token_type Bearer");
    check(typeof first.refresh_token === "string", "a refresh token for the human");

    const search = await fhir(first, "GET", `${source}/Bundle?_id=${dataflow.sample_ids[0]}`);
    check(search.status === 200, `search at the source: ${search.status}`);
    const found = (await search.json()).entry.find((entry) => entry.resource.resourceType === "Bundle");
    check(found.resource.id === dataflow.sample_ids[0], "the search finds the record");
    const original = await fhir(first, "GET", `${source}/Bundle/${found.resource.id}/$original`);
    check(original.status === 200, `$original at the source: ${original.status}`);
    const bytes = Buffer.from(await original.arrayBuffer());

    const second = await oauth.refreshTokenGrant(configuration, first.refresh_token, { resource: receiver });
    const wrong = await fhir(first, "GET", `${receiver}/Bundle/${found.resource.id}`);
    check(wrong.status === 401, `a token for another audience: ${wrong.status}`);
    const delivered = await fhir(second, "POST", `${receiver}/Bundle`, bytes, {
      "if-none-exist": criteria(JSON.parse(bytes)),
    });
    check([200, 201].includes(delivered.status), `delivery: ${delivered.status}`);
    const id = delivered.headers.get("location").match(/Bundle\/([^/]+)/)[1];
    const back = await fhir(second, "GET", `${receiver}/Bundle/${id}/$original`);
    check(Buffer.from(await back.arrayBuffer()).equals(bytes), "read back byte for byte");

    await oauth.tokenRevocation(configuration, second.access_token);
    const dead = await fhir(second, "GET", `${receiver}/Bundle/${id}`);
    check(dead.status === 401, `a revoked token: ${dead.status}`);

    let replayed = null;
    try {
      await oauth.authorizationCodeGrant(configuration, callback, { pkceCodeVerifier: verifier, expectedState: state });
    } catch (error) {
      replayed = error.error;
    }
    check(replayed === "invalid_grant", `a replayed code: ${replayed}`);
  }
}
done("openid-client (Node), human users");

async function fhir(token, method, url, body, headers = {}) {
  return fetch(url, {
    method,
    body,
    headers: {
      authorization: `Bearer ${token.access_token}`,
      accept: "application/fhir+json",
      ...(body ? { "content-type": "application/fhir+json" } : {}),
      ...headers,
    },
  });
}
