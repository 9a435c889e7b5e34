#!/usr/bin/env bash
# sslyze: every party's TLS complies with Mozilla's "intermediate" profile. Usage: sslyze.sh SSLYZE
set -euo pipefail
cd "$SANDBOX"
sslyze=$1
mapfile -t parties < <(python3 -c "import json
for party in json.load(open('sandbox.json'))['parties'].values(): print(party['origin'].removeprefix('https://'))")
scan() { # scan PROFILE PARTY…; the report is kept
  local profile=$1
  shift
  "$sslyze" --mozilla_config="$profile" --certinfo_ca_file ca.pem "$@" >"$OUT/sslyze-$profile.txt" 2>/dev/null
}
scan intermediate "${parties[@]}" || { tail -n 20 "$OUT/sslyze-intermediate.txt"; exit 1; }
[ "$(grep -c ': OK - Compliant' "$OUT/sslyze-intermediate.txt")" = "${#parties[@]}" ]
# The scan does see what a server offers: "modern" demands TLS 1.3 alone.
! scan modern "${parties[0]}" || { echo "the modern profile passed too: the scan judges nothing"; exit 1; }
grep -q 'tls_versions: .*TLSv1.2' "$OUT/sslyze-modern.txt"
echo "sslyze: ${#parties[@]} parties comply with Mozilla's intermediate profile"
