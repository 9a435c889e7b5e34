#!/usr/bin/env bash
# Schemathesis reads the published description of the administration API and sends what it allows and what it does not,
# with a token got by client credentials. Usage: interop/schemathesis.sh SCHEMATHESIS
set -euo pipefail
schemathesis=$1
here=$(cd "$(dirname "$0")" && pwd)

mapfile -t who < <(node --input-type=module -e '
  import { readFileSync } from "node:fs";
  const sandbox = JSON.parse(readFileSync(`${process.env.SANDBOX}/sandbox.json`, "utf8"));
  const clients = sandbox.dataflows.flatMap((dataflow) => dataflow.clients);
  const client = clients.find((one) => one.client_id === "vro-administration");
  console.log([sandbox.parties.vro.origin, client.client_id, client.client_secret].join("\n"));
')
origin=${who[0]}
token=$(curl --fail --silent --show-error --cacert "$SANDBOX/ca.pem" --user "${who[1]}:${who[2]}" \
  --data grant_type=client_credentials "$origin/oauth2/token" |
  node --input-type=module -e 'import { text } from "node:stream/consumers";
    console.log(JSON.parse(await text(process.stdin)).access_token)')

# What it keeps between runs is nobody's: it goes with the sandbox's directory.
cd "$SANDBOX"
# Never the sandbox's own registrations: what was refused or made leaves the others as they are.
"$schemathesis" --config-file "$here/schemathesis.toml" run "$origin/admin/api/openapi.json" \
  --tls-verify "$SANDBOX/ca.pem" --header "Authorization: Bearer $token" \
  --max-examples "${EXAMPLES:-10}" --checks all --generation-deterministic
