// What the scripts with oauth4webapi share: registrations, authentication, and the library's two-step calls.
import { createPrivateKey } from "node:crypto";
import * as oauth from "oauth4webapi";
import { clients, directory, file, register, sandbox } from "./sandbox.mjs";

/// The metadata of a dataflow's authorization server.
export async function discovered(dataflow) {
  const issuer = new URL(sandbox.parties[dataflow.authorization_server].issuer);
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: "oauth2" }));
}

/// The sandbox's own clients, and one more for every method that is missing among them.
export function registrations(dataflow) {
  const human = clients(dataflow, "human");
  const api = clients(dataflow, "api");
  const jwks = `${directory}/${dataflow.client}/keys/jwks.json`;
  const signing = { ...api.find((client) => client.auth === "private_key_jwt"), scope: human[0].scope };
  const secret = ["--auth", "client_secret_post"];
  const signed = ["--auth", "private_key_jwt", "--jwks", jwks];
  const person = ["--scope", human[0].scope, "--redirect-uri", human[0].redirect_uri];
  const { redirect_uri } = human[0];
  const added = (name, ...options) => register(dataflow, name, ...options);
  return {
    human: [
      ...human,
      { ...added("post", ...secret, ...person), redirect_uri },
      { ...signing, ...added("signed", ...signed, ...person), redirect_uri, assertion_audience: "issuer" },
    ],
    api: [...api, added("post", ...secret, "--scope", api[0].scope)],
  };
}

export function identified(client) {
  return { client_id: client.client_id };
}

export function authentication(as, client) {
  if (client.auth === "none") return oauth.None();
  if (client.auth === "client_secret_basic") return oauth.ClientSecretBasic(client.client_secret);
  if (client.auth === "client_secret_post") return oauth.ClientSecretPost(client.client_secret);
  return signed(client, (header, claims) => addressed(as, client, header, claims));
}

/// What the client's registration demands: RFC 10070, or the token endpoint as of older profiles.
export function addressed(as, client, header, claims) {
  if (client.assertion_audience === as.token_endpoint) claims.aud = as.token_endpoint;
  else header.typ = "client-authentication+jwt";
}

export function signed(client, modify) {
  const { alg, kid } = client;
  const hash = `SHA-${alg.slice(2)}`;
  const algorithm = alg.startsWith("ES")
    ? { name: "ECDSA", namedCurve: { ES256: "P-256", ES384: "P-384" }[alg] }
    : { name: alg.startsWith("PS") ? "RSA-PSS" : "RSASSA-PKCS1-v1_5", hash };
  const der = createPrivateKey(file(client.private_key)).export({ type: "pkcs8", format: "der" });
  const key = crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  return async (...request) =>
    oauth.PrivateKeyJwt({ key: await key, kid }, { [oauth.modifyAssertion]: modify })(...request);
}

export async function redeem(as, client, { callback, state, verifier }, options = {}, by = authentication(as, client)) {
  const parameters = oauth.validateAuthResponse(as, identified(client), callback, state);
  const answer = await oauth.authorizationCodeGrantRequest(
    as, identified(client), by, parameters, options.redirect_uri ?? client.redirect_uri, verifier, options,
  );
  return oauth.processAuthorizationCodeResponse(as, identified(client), answer);
}

export async function clientCredentials(as, client, parameters = {}, by = authentication(as, client)) {
  const answer = await oauth.clientCredentialsGrantRequest(as, identified(client), by, parameters);
  return oauth.processClientCredentialsResponse(as, identified(client), answer);
}
