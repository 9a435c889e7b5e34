// jose (Node): verifies our keys and every JWT of ours, and mints assertions and tokens that must be refused.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as jose from "jose";
import { check, clients, directory, done, file, operate, register, sandbox } from "./sandbox.mjs";

const dataflow = sandbox.dataflows[0];
const office = dataflow.authorization_server;
const { issuer } = sandbox.parties[office];
const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
const keys = await (await fetch(metadata.jwks_uri)).json();
const jwks = jose.createRemoteJWKSet(new URL(metadata.jwks_uri));
const now = () => Math.floor(Date.now() / 1000);

await ourKeys();
for (const alg of metadata.introspection_signing_alg_values_supported) await ourTokens(alg);
for (const client of clients(dataflow, "api").filter(({ auth }) => auth === "private_key_jwt")) await assertions(client);
for (const alg of metadata.token_endpoint_auth_signing_alg_values_supported) await algorithm(alg);
await allowList();
done("jose (Node)");

async function post(url, form, one) {
  const headers = one ? { authorization: `Basic ${btoa(`${one.client_id}:${one.client_secret}`)}` } : {};
  return fetch(url, { method: "POST", headers, body: new URLSearchParams(form) });
}

async function ourKeys() {
  check(keys.keys.length > 0, "published keys");
  for (const key of keys.keys) {
    check(key.kid === (await jose.calculateJwkThumbprint(key)), "a key is named by its thumbprint (RFC 7638)");
    check(key.use === "sig" && key.alg && !key.d && !key.k && !key.p, "a public key, for signatures");
    check((await jose.importJWK(key)).type === "public", "it can be imported");
  }
  check(new Set(keys.keys.map((key) => key.kid)).size === keys.keys.length, "no two keys of one name");
}

// A resource server that asks for JWTs (RFC 9068), and what it is told of them (RFC 7662, RFC 9701).
async function ourTokens(alg) {
  const audience = `https://${crypto.randomUUID()}.example/fhir`;
  const organization = "Riverbend Women's Hospital";
  const server = operate(
    office, "resource-server", "add", audience, "--name", "JWT", "--organization", organization,
    "--access-token-alg", alg, "--introspection-alg", alg,
  );
  const client = register(dataflow, "jose", "--scope", "system/Bundle.rs", "--audience", audience);
  const introspect = async (token) =>
    (await post(metadata.introspection_endpoint, { token }, server)).json();

  const answer = await (await post(metadata.token_endpoint, { grant_type: "client_credentials", resource: audience }, client)).json();
  const token = answer.access_token;
  const { payload, protectedHeader } = await jose.jwtVerify(token, jwks, {
    issuer, audience, typ: "at+jwt", algorithms: [alg], requiredClaims: ["exp", "iat", "jti", "sub", "client_id", "scope"],
  });
  check(protectedHeader.kid && !protectedHeader.jwk && !protectedHeader.jku, "the key is named, not brought along");
  check(payload.sub === client.client_id && payload.client_id === client.client_id, "sub and client_id");
  check(payload.scope === answer.scope && payload.exp - payload.iat === answer.expires_in, "scope and life");
  check(payload.organization === organization && payload.record_types.includes("birth"), "our members");
  const known = await introspect(token);
  check(known.active && known.jti === payload.jti && known.exp === payload.exp, "introspection says the same");
  check(!(await introspect(`${token}x`)).active, "a token with one more letter");

  const signed = await fetch(metadata.introspection_endpoint, {
    method: "POST",
    headers: {
      accept: "application/token-introspection+jwt",
      authorization: `Basic ${btoa(`${server.client_id}:${server.client_secret}`)}`,
    },
    body: new URLSearchParams({ token }),
  });
  check(signed.headers.get("content-type") === "application/token-introspection+jwt", "the signed answer's type");
  const jwt = await signed.text();
  const told = await jose.jwtVerify(jwt, jwks, {
    issuer, audience: server.client_id, typ: "token-introspection+jwt", algorithms: [alg],
  });
  check(told.payload.token_introspection.jti === payload.jti, "it tells of this token");
  check(told.payload.sub === undefined && told.payload.exp === undefined, "it is no token itself");
  check(!(await introspect(jwt)).active, "an introspection answer as a token");

  for (const [what, forged] of await forgeries(payload, protectedHeader)) {
    check(!(await introspect(forged)).active, `${what} is no token`);
  }
  const revoked = await post(metadata.revocation_endpoint, { token }, client);
  check(revoked.status === 200 && !(await introspect(token)).active, "a revoked JWT is inactive");
  await jose.jwtVerify(token, jwks, { issuer, audience, typ: "at+jwt" });
}

// A token of our server's, forged in the known ways; its `kid` is one of our keys throughout.
async function forgeries(claims, { alg, kid }) {
  const typ = "at+jwt";
  const { key, jwk } = await ownKey(alg);
  const by = (header, one = key) => new jose.SignJWT(claims).setProtectedHeader({ alg, kid, typ, ...header }).sign(one);
  return [
    ["alg none", unsecured({ typ, kid }, claims)],
    ...(await hmacs(keys.keys.find((one) => one.kid === kid), { typ, kid }, claims)),
    ["a key of somebody else's", await by({})],
    ["a key in its header", await by({ jwk })],
    ["an unknown kid", await by({ kid: jwk.kid })],
    ["no kid", await by({ kid: undefined })],
  ];
}

async function ownKey(alg) {
  const { privateKey, publicKey } = await jose.generateKeyPair(alg, { extractable: true });
  const jwk = await jose.exportJWK(publicKey);
  return { key: privateKey, jwk: { ...jwk, kid: await jose.calculateJwkThumbprint(jwk), alg } };
}

function unsecured(header, claims) {
  const encode = (value) => jose.base64url.encode(JSON.stringify(value));
  return `${encode({ alg: "none", ...header })}.${encode(claims)}.`;
}

// HMACs keyed with what is public, in the forms that a confused library would take for a secret.
async function hmacs(jwk, header, claims) {
  const key = createPublicKey({ key: jwk, format: "jwk" });
  const forms = {
    "an HMAC with the public key's PEM": key.export({ type: "spki", format: "pem" }),
    "an HMAC with the public key's DER": key.export({ type: "spki", format: "der" }),
    "an HMAC with the public JWK": JSON.stringify(jwk),
  };
  const made = Object.entries(forms).map(async ([what, form]) => {
    const jwt = new jose.SignJWT(claims).setProtectedHeader({ ...header, alg: "HS256" });
    return [what, await jwt.sign(new Uint8Array(Buffer.from(form)))];
  });
  return Promise.all(made);
}

// Asks for a token with this assertion; yields status and error.
async function tried(assertion, endpoint = metadata.token_endpoint, more = { grant_type: "client_credentials" }) {
  const answer = await post(endpoint, {
    ...more,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion,
  });
  const { error = "" } = await answer.json().catch(() => ({}));
  return `${answer.status} ${error}`.trim();
}

async function assertions(client) {
  const pem = createPrivateKey(file(client.private_key));
  const tokenEndpointStyle = client.assertion_audience === metadata.token_endpoint;
  const { alg, kid, client_id } = client;
  const typ = tokenEndpointStyle ? "JWT" : "client-authentication+jwt";
  const good = () => ({
    iss: client_id, sub: client_id, aud: client.assertion_audience, jti: crypto.randomUUID(), exp: now() + 60,
  });
  const sign = (claims = {}, header = {}, key = pem, options = {}) =>
    new jose.SignJWT({ ...good(), ...claims }).setProtectedHeader({ alg, kid, typ, ...header }).sign(key, options);
  const accepted = async (what, assertion) => {
    const seen = await tried(await assertion);
    check(seen === "200", `${client_id}: ${what}: ${seen}`);
  };
  const refused = async (what, assertion, ...where) => {
    const seen = await tried(await assertion, ...where);
    check(seen === "401 invalid_client", `${client_id}: ${what}: ${seen}`);
  };
  await accepted("a good assertion", sign());
  await accepted("its one audience in an array", sign({ aud: [client.assertion_audience] }));
  await accepted("no kid, while one key fits", sign({}, { kid: undefined }));
  await accepted("iat and nbf", sign({ iat: now(), nbf: now() }));

  const { key: strange, jwk } = await ownKey(alg);
  for (const [what, header, key] of [
    ["another's key", {}, strange],
    ["an unknown kid", { kid: jwk.kid }],
    ["another's key under its own kid", { kid: jwk.kid }, strange],
    ["jwk", { jwk }, strange],
    ["jwk and the right key", { jwk }],
    ["jku", { jku: `${issuer}/oauth2/jwks` }],
    ["x5u", { x5u: "https://elsewhere.example/chain.pem" }],
    ["x5c", { x5c: ["MIIB"] }],
    ["typ at+jwt", { typ: "at+jwt" }],
    ["the other kind's typ", { typ: tokenEndpointStyle ? "client-authentication+jwt" : "JWT" }],
    ["typ token-introspection+jwt", { typ: "token-introspection+jwt" }],
  ]) await refused(what, sign({}, header, key));
  await refused("crit", sign({}, { crit: ["urn:example:x"], "urn:example:x": 1 }, pem, { crit: { "urn:example:x": true } }));
  await refused("b64", sign({}, { crit: ["b64"], b64: true }));
  if (!tokenEndpointStyle) await refused("no typ", sign({}, { typ: undefined }));

  for (const [what, claims] of [
    ["another iss", { iss: "somebody" }],
    ["another sub", { sub: "somebody" }],
    ["no iss", { iss: undefined }],
    ["no sub", { sub: undefined }],
    ["no jti", { jti: undefined }],
    ["an empty jti", { jti: "" }],
    ["a number as jti", { jti: 1 }],
    ["no exp", { exp: undefined }],
    ["no aud", { aud: undefined }],
    ["another aud", { aud: "https://elsewhere.example" }],
    ["aud with a slash more", { aud: `${client.assertion_audience}/` }],
    ["the introspection endpoint as aud", { aud: metadata.introspection_endpoint }],
    ["the other kind's aud", { aud: tokenEndpointStyle ? issuer : metadata.token_endpoint }],
    ["two audiences", { aud: [issuer, metadata.token_endpoint] }],
    ["the same audience twice", { aud: [client.assertion_audience, client.assertion_audience] }],
    ["no audience in an array", { aud: [] }],
    ["expired", { exp: now() - 120 }],
    ["expired in 1970", { exp: 0 }],
    ["an hour ahead", { exp: now() + 3600 }],
    ["a year ahead", { exp: now() + 31_536_000 }],
    ["nbf ahead", { nbf: now() + 3600 }],
    ["iat ahead", { iat: now() + 3600 }],
  ]) await refused(what, sign(claims));

  const publicJwk = { ...(await jose.exportJWK(createPublicKey(pem))), kid, alg };
  await refused("alg none", unsecured({ typ, kid }, good()));
  for (const [what, forged] of await hmacs(publicJwk, { typ, kid }, good())) await refused(what, forged);
  const compact = (text, header = {}) =>
    new jose.CompactSign(new TextEncoder().encode(text)).setProtectedHeader({ alg, kid, typ, ...header }).sign(pem);
  const twice = JSON.stringify(good()).replace(/}$/, `,"iss":"somebody"}`);
  await refused("a member twice", compact(twice));
  await refused("exp as a text", compact(JSON.stringify({ ...good(), exp: String(now() + 60) })));
  await refused("no JSON", compact("good"));
  await refused("an array", compact(JSON.stringify([good()])));
  await refused("a padded part", (await sign()).replace(".", "=."));
  await refused("two parts", (await sign()).split(".").slice(0, 2).join("."));
  await refused("nothing", "..");
  const flattened = new jose.FlattenedSign(new TextEncoder().encode(JSON.stringify(good())));
  await refused("the JSON serialization", JSON.stringify(await flattened.setProtectedHeader({ alg, kid, typ }).sign(pem)));
  const encryption = (await jose.importJWK(keys.keys.find((one) => one.kty === "RSA"), "RSA-OAEP-256"));
  const jwe = new jose.EncryptJWT(good()).setProtectedHeader({ alg: "RSA-OAEP-256", enc: "A256GCM", typ });
  await refused("an encrypted JWT", jwe.encrypt(encryption));
  await refused("more than 8 KiB", sign({ padding: "x".repeat(9000) }));

  const once = await sign();
  await accepted("once", once);
  await refused("the same assertion again", once);
  await refused("and at another endpoint", once, metadata.introspection_endpoint, { token: "any" });
  const jti = crypto.randomUUID();
  await refused("a jti that is refused for its audience", sign({ jti, aud: "https://elsewhere.example" }));
  await refused("the same jti with the right one", sign({ jti }));
  await accepted("a good assertion after all that", sign());
}

// Keys of every algorithm that the metadata names work, as this library makes and writes them.
async function algorithm(alg) {
  const { key, jwk } = await ownKey(alg);
  const work = mkdtempSync(join(tmpdir(), "vitalgate-jose-"));
  writeFileSync(join(work, "jwks.json"), JSON.stringify({ keys: [jwk] }));
  const { client_id } = register(
    dataflow, alg, "--auth", "private_key_jwt", "--jwks", join(work, "jwks.json"),
    "--scope", clients(dataflow, "api")[0].scope,
  );
  rmSync(work, { recursive: true });
  const jwt = new jose.SignJWT({ iss: client_id, sub: client_id, aud: issuer, jti: crypto.randomUUID(), exp: now() + 60 });
  const assertion = await jwt.setProtectedHeader({ alg, kid: jwk.kid, typ: "client-authentication+jwt" }).sign(key);
  const [header, claims, signature] = assertion.split(".");
  const bent = signature.replace(/^./, (letter) => (letter === "A" ? "B" : "A"));
  check((await tried(`${header}.${claims}.${bent}`)) === "401 invalid_client", `${alg}: another signature`);
  check((await tried(assertion)) === "200", `${alg}: its signature`);
}

// A client registered for one algorithm is held to it, although its other key is known.
async function allowList() {
  const like = clients(dataflow, "api").find(({ auth }) => auth === "private_key_jwt");
  const keyFiles = `${directory}/${dataflow.client}/keys`;
  const client = register(
    dataflow, "one algorithm", "--auth", "private_key_jwt", "--jwks", `${keyFiles}/jwks.json`,
    "--assertion-alg", "ES384", "--scope", like.scope,
  );
  const sign = (alg, name) =>
    new jose.SignJWT({
      iss: client.client_id, sub: client.client_id, aud: issuer, jti: crypto.randomUUID(), exp: now() + 60,
    })
      .setProtectedHeader({ alg, typ: "client-authentication+jwt" })
      .sign(createPrivateKey(file(`${dataflow.client}/keys/${name}.pem`)));
  check((await tried(await sign("ES384", "es384"))) === "200", "the algorithm that is registered");
  check((await tried(await sign("RS384", "rs384"))) === "401 invalid_client", "another algorithm of its own keys");
  const { privateKey } = generateKeyPairSync("ed25519");
  const strange = new jose.SignJWT({ iss: client.client_id }).setProtectedHeader({ alg: "EdDSA" }).sign(privateKey);
  check((await tried(await strange)) === "401 invalid_client", "an algorithm of nobody's key");
}
