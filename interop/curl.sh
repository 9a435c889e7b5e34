#!/usr/bin/env bash
# curl for both kinds of user, and the protocol versions that must not work.
set -euo pipefail
cd "$SANDBOX"
read_json() { python3 -c "import json,sys; d=json.load(open('sandbox.json')); print($1)"; }
checks=0
hold() { # hold EXPECTED SEEN WHAT
  checks=$((checks + 1))
  [ "$1" = "$2" ] || { echo "does not hold: $3: expected $1, saw $2"; exit 1; }
}
curl=(curl --silent --show-error --cacert ca.pem --max-time 20)
urlencode() { python3 -c 'import sys,urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=""))' "$1"; }

# API user with a client secret.
flow="d['dataflows'][0]"
client="next(c for c in $flow['clients'] if c['kind']=='api' and c['auth']=='client_secret_basic' and not c.get('note'))"
issuer=$(read_json "d['parties'][$flow['authorization_server']]['issuer']")
id=$(read_json "$client['client_id']"); secret=$(read_json "$client['client_secret']"); scope=$(read_json "$client['scope']")
source=$(read_json "$flow['resources'][0]"); receiver=$(read_json "$flow['resources'][1]")
sample=$(read_json "$flow['samples'][0]"); hosted=$(read_json "$flow['sample_ids'][0]")
token() { # token AUDIENCE
  "${curl[@]}" --user "$id:$secret" --data-urlencode grant_type=client_credentials \
    --data-urlencode "scope=$scope" --data-urlencode "resource=$1" "$issuer/oauth2/token" |
    python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])'
}
status() { "${curl[@]}" --output /dev/null --write-out '%{http_code}' "$@"; }
at_source=$(token "$source"); at_receiver=$(token "$receiver")
hold 200 "$(status --header "authorization: Bearer $at_source" "$source/Bundle/$hosted")" "read at the source"
"${curl[@]}" --header "authorization: Bearer $at_source" --output original.json "$source/Bundle/$hosted/\$original"
cmp original.json "$sample"
criteria=$(python3 - original.json <<'PY'
import json, sys, urllib.parse
b = json.load(open(sys.argv[1]))
print(urllib.parse.urlencode({"identifier": b["identifier"]["system"] + "|" + b["identifier"]["value"],
                              "composition.type": b["entry"][0]["resource"]["type"]["coding"][0]["code"]}))
PY
)
send() {
  "${curl[@]}" --dump-header headers.txt --output answer.json --write-out '%{http_code}' \
    --header "authorization: Bearer $at_receiver" --header 'content-type: application/fhir+json' \
    --header "if-none-exist: $criteria" --data-binary @original.json "$receiver/Bundle"
}
first=$(send); case $first in 200|201) ;; *) hold 201 "$first" "delivery" ;; esac
hold 200 "$(send)" "the same delivery again"
made=$(sed -n 's#^location: .*/Bundle/\([^/]*\).*#\1#p' headers.txt | tr -d '\r')
"${curl[@]}" --header "authorization: Bearer $at_receiver" --output back.json "$receiver/Bundle/$made/\$original"
cmp back.json "$sample"
hold 401 "$(status "$source/Bundle/$hosted")" "no token"
hold 401 "$(status --header "authorization: Bearer $at_receiver" "$source/Bundle/$hosted")" "another audience"
hold 401 "$(status --user "$id:wrong" --data grant_type=client_credentials "$issuer/oauth2/token")" "a wrong secret"
hold 400 "$(status --user "$id:$secret" --data 'grant_type=password&username=a&password=b' "$issuer/oauth2/token")" "the password grant"
head -c 300000 /dev/zero | tr '\0' x >record.txt
for version in --http1.1 --http2; do
  hold 401 "$(status "$version" --header 'content-type: application/fhir+json' --data-binary @record.txt "$receiver/Bundle")" "a record without a token, and the client sees why ($version)"
done
head -c 70000 /dev/zero | tr '\0' x >large.txt
hold 413 "$(status --user "$id:$secret" --data-binary @large.txt "$issuer/oauth2/token")" "a form that is too large, and the client sees why"
hold 200 "$(status --user "$id:$secret" --data-urlencode "token=$at_source" "$issuer/oauth2/revoke")" "revocation"
hold 401 "$(status --header "authorization: Bearer $at_source" "$source/Bundle/$hosted")" "a revoked token"

# Human user: curl is the browser.
person="next(c for c in $flow['clients'] if c['kind']=='human' and c['auth']=='none' and not c.get('note'))"
hid=$(read_json "$person['client_id']"); redirect=$(read_json "$person['redirect_uri']"); hscope=$(read_json "$person['scope']")
username=$(read_json "$flow['users'][0]['username']"); password=$(read_json "$flow['users'][0]['password']")
verifier=$(python3 -c 'import secrets; print(secrets.token_urlsafe(48))')
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d '=')
browser=("${curl[@]}" --cookie jar.txt --cookie-jar jar.txt)
location() { sed -n 's/^location: //p' page-headers.txt | tr -d '\r' | tail -n 1; }
hidden() { # the hidden fields of a page's first form, one a line
  python3 - page.html <<'PY'
import html.parser, sys
class Fields(html.parser.HTMLParser):
    forms = 0
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.forms += tag == "form"
        if self.forms == 1 and tag == "input" and a.get("type") == "hidden":
            print(f"{a['name']}={a.get('value', '')}")
Fields().feed(open(sys.argv[1]).read())
PY
}
visit() { "${browser[@]}" --dump-header page-headers.txt --output page.html --write-out '%{http_code}' "$@"; }
: >jar.txt
url="$issuer/oauth2/authorize?response_type=code&client_id=$hid&redirect_uri=$(urlencode "$redirect")&scope=$(urlencode "$hscope")&state=curl-$RANDOM&code_challenge=$challenge&code_challenge_method=S256&resource=$(urlencode "$source")"
while code=$(visit "$url"); [ "$code" = 303 ]; do url=$(location); case $url in /*) url=$issuer$url ;; esac; done
hold 200 "$code" "the sign-in page"
fields=(); while IFS= read -r field; do fields+=(--data-urlencode "$field"); done < <(hidden)
code=$(visit "${fields[@]}" --data-urlencode "username=$username" --data-urlencode "password=$password" --header "origin: $issuer" "$issuer/login")
hold 303 "$code" "signing in"
while [ "$code" = 303 ]; do url=$(location); case $url in /*) url=$issuer$url ;; esac; code=$(visit "$url"); done
hold 200 "$code" "the consent page"
fields=(); while IFS= read -r field; do fields+=(--data-urlencode "$field"); done < <(hidden)
code=$(visit "${fields[@]}" --data-urlencode decision=allow --header "origin: $issuer" "$issuer/consent")
hold 303 "$code" "consent"
granted=$(location | sed -n 's/.*[?&]code=\([^&]*\).*/\1/p')
redeem() {
  "${curl[@]}" --output token.json --write-out '%{http_code}' --data-urlencode grant_type=authorization_code \
    --data-urlencode "code=$granted" --data-urlencode "redirect_uri=$redirect" --data-urlencode "client_id=$hid" \
    --data-urlencode "code_verifier=$verifier" "$issuer/oauth2/token"
}
hold 200 "$(redeem)" "the code"
human=$(python3 -c 'import json; print(json.load(open("token.json"))["access_token"])')
hold 200 "$(status --header "authorization: Bearer $human" "$source/Bundle/$hosted")" "the human reads"
hold 400 "$(redeem)" "the code again"
hold 401 "$(status --header "authorization: Bearer $human" "$source/Bundle/$hosted")" "its token after the replay"

# Protocol versions: the server's own alert (70 protocol_version, or 40 handshake_failure where the offer lacks
# signature algorithms), not a refusal of the local library.
host=${issuer#https://}
for version in -tls1 -tls1_1; do
  openssl s_client -connect "$host" "$version" -cipher 'DEFAULT@SECLEVEL=0' </dev/null >tls.txt 2>&1 || true
  hold 1 "$(grep -cE 'SSL alert number (40|70)' tls.txt)" "the server's alert to $version"
done
for version in -tls1_2 -tls1_3; do
  openssl s_client -connect "$host" "$version" -CAfile ca.pem -verify_return_error </dev/null >tls.txt 2>&1
  checks=$((checks + 1))
done
hold 000 "$(curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}' "http://$host/fhir/metadata" || true)" "plain HTTP"
echo "curl: $checks checks hold"
