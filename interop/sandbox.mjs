// Reads sandbox.json and counts checks; shared by the Node scripts.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const directory = process.env.SANDBOX;
export const sandbox = JSON.parse(readFileSync(join(directory, "sandbox.json"), "utf8"));

let checks = 0;
export function check(holds, what) {
  checks += 1;
  if (!holds) throw new Error(`does not hold: ${what}`);
}
export function done(name) {
  console.log(`${name}: ${checks} checks hold`);
}

export function file(path) {
  return readFileSync(join(directory, path));
}

/// The clients of a dataflow of its own organization: those without a `note` that marks a refusal.
export function clients(dataflow, kind) {
  return dataflow.clients.filter((client) => client.kind === kind && !client.note);
}

/// The identifier criteria that make a delivery repeatable.
export function criteria(bundle) {
  const { system, value } = bundle.identifier;
  const type = bundle.entry[0].resource.type.coding[0].code;
  return new URLSearchParams({ identifier: `${system}|${value}`, "composition.type": type }).toString();
}
