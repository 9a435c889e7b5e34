// Reads sandbox.json and counts checks; shared by the Node scripts.
import { spawnSync } from "node:child_process";
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

/// A command of the operator of `party`, beside the running server; yields what it prints as JSON.
export function operate(party, ...command) {
  const config = join(directory, sandbox.parties[party].config);
  const asked = [...command, "--config", config, "--output", "json"];
  const ran = spawnSync(process.env.VITALGATE, asked, { encoding: "utf8" });
  if (ran.status !== 0) throw new Error(`${command.join(" ")}: ${ran.stderr}`);
  return JSON.parse(ran.stdout);
}

/// Registers one more client at a dataflow's authorization server, of the same organization as the others.
export function register(dataflow, name, ...options) {
  const like = dataflow.clients[0];
  const audiences = like.resources.flatMap((resource) => ["--audience", resource]);
  return operate(
    dataflow.authorization_server, "client", "add", name, ...audiences, "--organization", like.organization,
    "--jurisdictions", like.jurisdictions.join(), "--record-types", like.record_types.join(), ...options,
  );
}

/// Status and OAuth error that a library's call ends with; `null` if it succeeds.
export async function refusal(act) {
  try {
    await act();
    return null;
  } catch (error) {
    const { response } = error;
    if (!response) throw error;
    const code = error.error ?? error.cause?.[0]?.parameters?.error ?? (await response.json()).error;
    return `${response.status} ${code}`;
  }
}

/// Fails unless a library's call is refused exactly so, for instance `400 invalid_grant`.
export async function refused(expected, what, act) {
  const seen = await refusal(act);
  check(seen === expected, `${what}: expected ${expected}, saw ${seen}`);
}
