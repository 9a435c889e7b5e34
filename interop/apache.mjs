// Apache with mod_auth_openidc as a foreign resource server that introspects at our authorization server.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, directory, done, operate, sandbox } from "./sandbox.mjs";

const dataflow = sandbox.dataflows[0];
const office = dataflow.authorization_server;
const { issuer } = sandbox.parties[office];
const port = await freePort();
const origin = `https://localhost:${port}`;
const organization = "Riverbend Women's Hospital";
const work = mkdtempSync(join(tmpdir(), "vitalgate-apache-"));
const apache = process.env.APACHE ?? "/usr/sbin/apache2";

const registered = operate(office, "resource-server", "add", origin, "--name", "Apache", "--organization", organization);
const client = add(organization, origin, dataflow.resources[0]);
const other = add("Saint Brigid Medical Center", origin);
configure();
const server = spawn(apache, ["-d", work, "-f", join(work, "apache.conf"), "-D", "FOREGROUND"], { stdio: "inherit" });
try {
  await ready();
  await tried();
} catch (error) {
  console.error(readFileSync(join(work, "error.log"), "utf8"));
  throw error;
} finally {
  server.kill("SIGTERM");
  await once(server, "exit");
  rmSync(work, { recursive: true });
}
done("Apache with mod_auth_openidc, a foreign resource server");

async function freePort() {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  listener.close();
  return port;
}

function add(of, ...audiences) {
  return operate(
    office, "client", "add", "Apache's caller", "--scope", "system/Bundle.rs system/Composition.rs", "--organization", of,
    "--jurisdictions", "MA", "--record-types", "birth", ...audiences.flatMap((audience) => ["--audience", audience]),
  );
}

// Its own directory, ports and log; the packages' files under /etc stay as they are.
function configure() {
  mkdirSync(join(work, "pages/organization"), { recursive: true });
  writeFileSync(join(work, "pages/index.html"), "protected\n");
  writeFileSync(join(work, "pages/organization/index.html"), "protected for one organization\n");
  // Worker processes of a server that root starts run as somebody else, who must read these.
  copyFileSync(join(directory, sandbox.ca), join(work, "ca.pem"));
  chmodSync(work, 0o755);
  const modules = "/usr/lib/apache2/modules";
  const load = ["mpm_event", "authn_core", "authz_core", "authz_user", "dir", "mime", "socache_shmcb", "ssl", "auth_openidc"];
  const party = sandbox.parties[office];
  const key = join(directory, party.certificate).replace("certificate.pem", "private-key.pem");
  writeFileSync(join(work, "apache.conf"), `
${load.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join("\n")}
ServerName localhost
Listen 127.0.0.1:${port} https
PidFile ${work}/apache.pid
DefaultRuntimeDir ${work}
Mutex file:${work}
ErrorLog ${work}/error.log
LogLevel warn
TypesConfig /etc/mime.types
${process.getuid() === 0 ? "User www-data\nGroup www-data" : ""}
StartServers 1
DocumentRoot ${work}/pages
SSLSessionCache none
DirectoryIndex index.html
SSLEngine on
SSLCertificateFile ${join(directory, party.certificate)}
SSLCertificateKeyFile ${key}
OIDCCABundlePath ${work}/ca.pem
OIDCOAuthServerMetadataURL ${issuer}/.well-known/oauth-authorization-server
OIDCOAuthClientID ${registered.client_id}
OIDCOAuthClientSecret ${registered.client_secret}
OIDCOAuthRemoteUserClaim sub
OIDCOAuthTokenIntrospectionInterval -1
<Location "/">
  AuthType oauth20
  Require valid-user
</Location>
<Location "/organization">
  Require claim "organization:${organization}"
</Location>
`);
  const tested = spawnSync(apache, ["-d", work, "-f", join(work, "apache.conf"), "-t"], { encoding: "utf8" });
  check(tested.status === 0, `the configuration: ${tested.stderr}`);
  if (process.getuid() === 0) chownSync(work, Number(spawnSync("id", ["-u", "www-data"]).stdout), 0);
}

async function ready() {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await fetch(origin).catch(() => null)) return;
    await new Promise((later) => setTimeout(later, 100));
  }
  throw new Error("Apache did not start");
}

async function post(path, one, form) {
  const authorization = `Basic ${btoa(`${one.client_id}:${one.client_secret}`)}`;
  return fetch(`${issuer}${path}`, { method: "POST", headers: { authorization }, body: new URLSearchParams(form) });
}

async function token(one, resource) {
  const answer = await post("/oauth2/token", one, { grant_type: "client_credentials", resource });
  check(answer.status === 200, `a token: ${answer.status}`);
  return (await answer.json()).access_token;
}

async function read(expected, what, presented, path = "/") {
  const headers = presented ? { authorization: `Bearer ${presented}` } : {};
  const answer = await fetch(origin + path, { headers });
  check(answer.status === expected, `${what}: expected ${expected}, saw ${answer.status}`);
  return answer.text();
}

async function tried() {
  const challenge = (await fetch(origin)).headers.get("www-authenticate");
  check(/^Bearer\b/.test(challenge), `the challenge: ${challenge}`);
  await read(401, "no token");
  await read(401, "a token that nobody issued", "vro_" + "x".repeat(43));
  const good = await token(client, origin);
  check((await read(200, "a valid token", good)) === "protected\n", "the page");
  await read(200, "its organization", good, "/organization/");
  await read(401, "another organization", await token(other, origin), "/organization/");
  await read(401, "a token for another resource server", await token(client, dataflow.resources[0]));
  check((await post("/oauth2/revoke", client, { token: good })).status === 200, "revocation");
  await read(401, "a revoked token", good);
  const again = await token(client, origin);
  await read(200, "a new token", again);
  operate(office, "client", "disable", client.client_id);
  await read(401, "a token of a client that was disabled", again);
  const others = await token(other, origin);
  await read(200, "another client", others);
  operate(office, "resource-server", "disable", origin);
  await read(401, "a resource server that was disabled", others);
}
