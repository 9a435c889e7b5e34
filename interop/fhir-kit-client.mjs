// fhir-kit-client (Node) reads and writes at every source; @medplum/core finds everything that it gets valid.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "fhir-kit-client";
import { check, done, register, sandbox } from "./sandbox.mjs";
import { problems, valid } from "./valid-r4.mjs";

const directory = mkdtempSync(join(tmpdir(), "samples-"));

/// The program's own samples, of all kinds.
function samples(seed) {
  for (const kind of ["birth --form provider", "birth --form jurisdiction", "fetal-death --form provider",
    "fetal-death --form jurisdiction", "coded"]) {
    const options = ["sample", ...kind.split(" "), "--seed", seed, "--count", "2", "--out", directory];
    const ran = spawnSync(process.env.VITALGATE, options, { encoding: "utf8" });
    check(ran.status === 0, ran.stderr);
  }
  return readdirSync(directory).map((name) => JSON.parse(readFileSync(join(directory, name), "utf8")));
}

async function token(dataflow, client, audience) {
  const { issuer } = sandbox.parties[dataflow.authorization_server];
  const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
  const answer = await fetch(metadata.token_endpoint, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials", resource: audience }),
  });
  const { access_token } = await answer.json();
  check(answer.status === 200 && access_token, `a token of ${client.client_id}: ${answer.status}`);
  return access_token;
}

/// A call that must be refused with this status; yields its OperationOutcome, which must be valid.
async function refused(status, what, act) {
  const error = await act().then(() => null, (error) => error);
  check(error?.response?.status === status, `${what} is ${status}: ${error?.response?.status}`);
  return valid(error.response.data, `the OperationOutcome of ${what}`);
}

async function readAndWrite(dataflow, record) {
  const base = dataflow.resources[0];
  const registered = register(dataflow, "fhir-kit-client", "--scope", "system/*.cruds");
  const bearerToken = await token(dataflow, registered, base);
  const fhir = new Client({ baseUrl: base, bearerToken });
  const resourceType = "Bundle";
  valid(await fhir.capabilityStatement(), "the CapabilityStatement");

  const headers = { Prefer: "return=representation" };
  const created = valid(await fhir.create({ resourceType, body: record, options: { headers } }), "what was created");
  const { id } = created;
  const first = valid(await fhir.read({ resourceType, id }), "what is read");
  check(first.entry.length === record.entry.length && first.meta.versionId === "1", "the record as it was sent");
  valid(await fhir.read({ resourceType: "Composition", id }), "its Composition");
  const document = await fhir.operation({ name: "document", resourceType: "Composition", id, method: "GET" });
  check(valid(document, "its document").id === id, "$document is the record");

  const asked = `${record.identifier.system}|${record.identifier.value}`;
  const found = await fhir.search({ resourceType, searchParams: { identifier: asked, _count: 1 } });
  check(valid(found, "a searchset").total >= 1, "the record is found");
  const posted = await fhir.search({ resourceType, searchParams: { identifier: asked }, options: { postSearch: true } });
  check(valid(posted, "a posted search").total === found.total, "and found by POST");

  const changed = { ...first, timestamp: "2026-06-01T00:00:00Z" };
  await refused(428, "an update without If-Match", () => fhir.update({ resourceType, id, body: changed }));
  const version = (number) => ({ headers: { "If-Match": `W/"${number}"`, Prefer: "return=representation" } });
  await refused(412, "an update of another version",
    () => fhir.update({ resourceType, id, body: changed, options: version(7) }));
  const updated = await fhir.update({ resourceType, id, body: changed, options: version(1) });
  check(valid(updated, "what was updated").meta.versionId === "2", "a second version");
  const before = valid(await fhir.vread({ resourceType, id, version: "1" }), "the first version");
  check(before.timestamp === record.timestamp, "the first version as it was");
  const history = valid(await fhir.history({ resourceType, id }), "the history");
  check(history.total === 2, `two versions: ${history.total}`);

  const kind = first.entry[1].resource.resourceType;
  const part = await fhir.read({ resourceType: kind, id: `${id}-1` });
  check(valid(part, "a part of the document").id === `${id}-1`, "the part has its own id");
  const batch = { resourceType: "Bundle", type: "batch", entry: [`Bundle/${id}`, `Bundle?_id=${id}`, "Bundle/none"]
    .map((url) => ({ request: { method: "GET", url } })) };
  const answers = valid(await fhir.batch({ body: batch }), "a batch-response").entry;
  const statuses = answers.map(({ response }) => response.status.slice(0, 3)).join();
  check(statuses === "200,200,404", `each entry is answered: ${statuses}`);

  const right = await fhir.operation({ name: "validate", resourceType, input: record });
  check(valid(right, "$validate").issue[0].severity === "information", "the sample has no fault");
  const { status, ...rest } = record.entry[0].resource;
  const faulty = { ...record, entry: [{ ...record.entry[0], resource: rest }, ...record.entry.slice(1)] };
  const wrong = valid(await fhir.operation({ name: "validate", resourceType, input: faulty }), "$validate");
  check(wrong.issue.some(({ expression }) => expression?.[0].endsWith("entry[0].resource.status")),
    "a missing status is told of");
  check(problems(faulty).some((text) => text.includes("entry[0].resource.status")), "as @medplum/core does");

  await fhir.delete({ resourceType, id });
  await refused(410, "a deleted record", () => fhir.read({ resourceType, id }));
  await refused(404, "an unknown record", () => fhir.read({ resourceType, id: "none" }));
  await refused(422, "a Bundle of nothing", () => fhir.create({ resourceType, body: { resourceType } }));
  const strange = new Client({ baseUrl: base, bearerToken: "none" });
  await refused(401, "an unknown token", () => strange.read({ resourceType, id }));
}

try {
  const records = samples("4711");
  for (const record of records) valid(record, "a sample");
  let audited = 0;
  const kinds = { ehr: "68998-4", vro: "92011-6", nchs: "86805-9" };
  for (const dataflow of sandbox.dataflows) {
    const type = kinds[dataflow.resource_server];
    const record = records.find((record) => record.entry[0].resource.type.coding[0].code === type);
    await readAndWrite(dataflow, record);
    const auditor = dataflow.clients.find(({ scope, client_secret }) => scope === "system/AuditEvent.rs" && client_secret);
    if (auditor) {
      const base = auditor.resources[0];
      const fhir = new Client({ baseUrl: base, bearerToken: await token(dataflow, auditor, base) });
      const page = await fhir.search({ resourceType: "AuditEvent", searchParams: { _count: 50 } });
      check(valid(page, "a searchset of AuditEvents").entry.length > 0, "the audit has rows");
      audited += 1;
    }
  }
  check(audited > 0, "an audit was read");
} finally {
  rmSync(directory, { recursive: true });
}
done("fhir-kit-client and @medplum/core");
