// oidc-provider (Node) as a foreign authorization server: our client gets its tokens there, and our
// resource server introspects there. A hospital is set up as its operator would, with `vitalgate init`.
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttps } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Provider, { errors } from "oidc-provider";
import { check, directory, done, file, sandbox } from "./sandbox.mjs";

const work = mkdtempSync(join(tmpdir(), "vitalgate-foreign-"));
const home = join(work, "hospital");
const tls = { cert: file(sandbox.faulty_issuer.cert), key: file(sandbox.faulty_issuer.key) };
const secret = "a-secret-of-the-foreign-authorization-server";
const scope = "system/Bundle.crs system/Composition.rs";
const origin = `https://localhost:${await freePort()}`;
const fhir = `${origin}/fhir`;
const tenant = "/tenant";
const elsewhere = "https://elsewhere.example/fhir";
const environment = { ...process.env, VITALGATE_CONFIG: join(home, "vitalgate.toml") };

try {
  await prepare();
  const foreign = await authorizationServer();
  const hospital = await serve(foreign.issuer);
  try {
    await ourClient();
    await ourResourceServer(foreign);
  } finally {
    hospital.kill("SIGTERM");
    await once(hospital, "exit");
    foreign.server.closeAllConnections();
    foreign.server.close();
  }
} finally {
  rmSync(work, { recursive: true });
}
done("oidc-provider (Node), a foreign authorization server");

// A command of the hospital's. Not waited for in one go: the foreign server runs in this very program.
async function vitalgate(...words) {
  return new Promise((ended) => {
    execFile(process.env.VITALGATE, words, { env: environment, encoding: "buffer" }, (error, stdout, stderr) =>
      ended({ status: error ? error.code : 0, stdout, stderr }));
  });
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

// The hospital's directory, with a certificate that the sandbox's authority has signed.
async function prepare() {
  mkdirSync(work, { recursive: true });
  execFileSync(process.env.VITALGATE, [
    "init", "--party", "ehr", "--dir", home, "--organization", "Foreign Hospital", "--origin", origin,
    "--internal", `127.0.0.1:${await freePort()}`,
    "--certificate", join(directory, sandbox.faulty_issuer.cert),
    "--private-key", join(directory, sandbox.faulty_issuer.key),
  ]);
  execFileSync(process.env.VITALGATE, ["sample", "birth", "--count", "2", "--seed", "7", "--out", join(work, "records")]);
}

async function authorizationServer() {
  const server = createHttps(tls).listen(0, "localhost");
  await once(server, "listening");
  const issuer = `https://localhost:${server.address().port}${tenant}`;
  const { keys } = JSON.parse(readFileSync(join(home, "keys/jwks.json"), "utf8"));
  const client = { grant_types: ["client_credentials"], redirect_uris: [], response_types: [], scope };
  const bySecret = (client_id) => ({ ...client, client_id, client_secret: secret });
  const signing = { token_endpoint_auth_method: "private_key_jwt", token_endpoint_auth_signing_alg: "ES384" };
  const rights = { organization: "Foreign Hospital", jurisdictions: ["MA"], record_types: ["birth"] };
  const provider = new Provider(issuer, {
    clients: [
      bySecret("by-secret"),
      bySecret("without-rights"),
      bySecret("other-organization"),
      bySecret("resource-server"),
      { ...client, ...signing, client_id: "by-key", jwks: { keys } },
    ],
    scopes: scope.split(" "),
    enabledJWA: { clientAuthSigningAlgValues: ["ES384", "RS384"] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_, caller) => caller.clientId === "resource-server" },
      revocation: { enabled: true, allowedPolicy: (_, client, token) => client.clientId === token.clientId },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => {
          if (![fhir, elsewhere].includes(resource)) throw new errors.InvalidTarget();
          return { scope, audience: resource, accessTokenFormat: "opaque", accessTokenTTL: 120 };
        },
      },
    },
    ttl: { ClientCredentials: 120 },
    // What the rights of a token are, our resource server reads in these members.
    extraTokenClaims: (_, token) => {
      if (token.clientId === "without-rights") return {};
      return token.clientId === "other-organization" ? { ...rights, organization: "Elsewhere" } : rights;
    },
  });
  server.on("request", mounted(provider.callback()));
  return { server, issuer };
}

// Below a path, as where one host serves several tenants: the metadata stands before it (RFC 8414 section 3.1).
function mounted(answer) {
  return (request, response) => {
    const metadata = "/.well-known/oauth-authorization-server";
    if (request.url === metadata + tenant) request.url = tenant + metadata;
    request.originalUrl = request.url;
    request.url = request.url.startsWith(`${tenant}/`) ? request.url.slice(tenant.length) : "/not-found";
    return answer(request, response);
  };
}

// Says whom to trust, writes the foreign server into the configuration as two partners, and starts the hospital.
async function serve(issuer) {
  const configuration = join(home, "vitalgate.toml");
  const ca = JSON.stringify(join(directory, sandbox.ca));
  writeFileSync(configuration, readFileSync(configuration, "utf8").replace(/(^\[outbound\]\n(?:.*\n)*?)# (ca_file = ).*$/m, `$1$2${ca}`));
  const secretFile = join(work, "secret");
  writeFileSync(secretFile, secret, { mode: 0o600 });
  const add = async (name, ...options) => {
    const peer = ["--issuer", issuer, "--fhir", fhir, "--client-id", name, "--scope", scope];
    const added = await vitalgate("peer", "add", name, ...peer, ...options);
    check(added.status === 0, `peer add ${name}: ${added.stderr}`);
  };
  await add(
    "by-secret", "--secret-file", secretFile, "--introspection-client-id", "resource-server",
    "--introspection-secret-file", secretFile, "--organizations", "Foreign Hospital", "--jurisdictions", "MA",
  );
  await add("by-key", "--private-key-file", join(home, "keys/es384.pem"), "--alg", "ES384");
  const checked = await vitalgate("config", "check", configuration);
  check(checked.status === 0, `config check: ${checked.stdout}${checked.stderr}`);
  const child = spawn(process.env.VITALGATE, ["serve", "--config", configuration, "--log-file", join(work, "log")]);
  for (let tries = 0; tries < 600; tries += 1) {
    const answer = await fetch(`${fhir}/metadata`).catch(() => null);
    if (answer?.status === 200) return child;
    await new Promise((later) => setTimeout(later, 100));
  }
  throw new Error(`the hospital did not start: ${readFileSync(join(work, "log"), "utf8")}`);
}

// Every act takes a token of oidc-provider's, by secret and by assertion, and introspection there.
async function ourClient() {
  const records = readdirSync(join(work, "records")).map((name) => join(work, "records", name));
  for (const [at, peer] of ["by-secret", "by-key"].entries()) {
    const walked = await vitalgate("peer", "check", peer);
    check(walked.status === 0, `peer check ${peer}: ${walked.stdout}${walked.stderr}`);
    const sent = await vitalgate("send", "--to", peer, "--verify", "--output", "json", records[at]);
    check(sent.status === 0, `send as ${peer}: ${sent.stdout}${sent.stderr}`);
    const again = await vitalgate("send", "--to", peer, records[at]);
    check(again.status === 0, `send as ${peer} again: ${again.stderr}`);
    const [{ id }] = await newest();
    const got = await vitalgate("get", "--peer", peer, `${fhir}/Bundle/${id}/$original`);
    check(got.status === 0, `get as ${peer}: ${got.stderr}`);
    check(got.stdout.equals(readFileSync(records[at])), "read back byte for byte");
  }
}

async function newest() {
  return JSON.parse((await vitalgate("record", "list", "--output", "json")).stdout);
}

async function ourResourceServer({ server, issuer }) {
  const [{ id }] = await newest();
  const url = `${fhir}/Bundle/${id}`;
  const read = async (expected, what, token, path = url) => {
    const answer = await fetch(path, { headers: { authorization: `Bearer ${token}` } });
    const seen = answer.headers.get("www-authenticate")?.match(/error="([^"]*)"/)?.[1];
    check(`${answer.status} ${seen ?? ""}`.trim() === expected, `${what}: expected ${expected}, saw ${answer.status} ${seen}`);
    return answer;
  };
  const post = async (path, form, client = "by-secret") => {
    const authorization = `Basic ${btoa(`${client}:${secret}`)}`;
    return fetch(`${issuer}${path}`, { method: "POST", headers: { authorization }, body: new URLSearchParams(form) });
  };
  const token = async (form = {}, client = "by-secret") => {
    const answer = await post("/token", { grant_type: "client_credentials", scope, resource: fhir, ...form }, client);
    check(answer.status === 200, `oidc-provider's token: ${answer.status}`);
    return (await answer.json()).access_token;
  };
  const good = await token();
  await read("200", "a foreign token", good);
  await read("401 invalid_token", "a token that nobody issued", "x".repeat(43));
  await read("401 invalid_token", "a token for another resource", await token({ resource: elsewhere }));
  await read("401 invalid_token", "a token for no resource", await token({ resource: "" }));
  await read("403 insufficient_scope", "a token without rights", await token({}, "without-rights"));
  await read("403 insufficient_scope", "a token of an organization that we do not let in", await token({}, "other-organization"));
  await read("403 insufficient_scope", "a token for Compositions", await token({ scope: "system/Composition.rs" }));
  check((await post("/token/revocation", { token: good })).status === 200, "oidc-provider's revocation");
  await read("401 invalid_token", "a revoked token", good);
  const last = await token();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  const answer = await read("503", "the foreign server is away", last);
  check(answer.headers.has("retry-after"), "503 says when to come back");
}
