"""API users with Authlib (Python): client secret and signed JWT, every dataflow."""

import json
import os
import pathlib
import sys
import time
from urllib.parse import urlencode

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey, RSAKey

DIRECTORY = pathlib.Path(os.environ["SANDBOX"])
SANDBOX = json.loads((DIRECTORY / "sandbox.json").read_text())
checks = 0


def check(holds, what):
    global checks
    checks += 1
    if not holds:
        sys.exit(f"does not hold: {what}")


def session(client, token_endpoint):
    if client["auth"] != "private_key_jwt":
        return OAuth2Session(client["client_id"], client["client_secret"], scope=client["scope"],
                             token_endpoint_auth_method=client["auth"])
    pem = (DIRECTORY / client["private_key"]).read_text()
    key = (ECKey if client["alg"].startswith("ES") else RSAKey).import_key(pem)
    made = OAuth2Session(client["client_id"], key, scope=client["scope"],
                         token_endpoint_auth_method="private_key_jwt",
                         revocation_endpoint_auth_method="private_key_jwt")
    # Authlib's own default of an hour is refused: an assertion lives five minutes at most.
    claims = {"exp": int(time.time()) + 300}
    made.register_client_auth_method(
        PrivateKeyJWT(token_endpoint, claims=claims, alg=client["alg"], headers={"kid": client["kid"]}))
    return made


def walk(dataflow, client):
    issuer = SANDBOX["parties"][dataflow["authorization_server"]]["issuer"]
    metadata = OAuth2Session().get(f"{issuer}/.well-known/oauth-authorization-server", withhold_token=True).json()
    check(metadata["issuer"] == issuer, "metadata names its issuer")
    # Authlib signs the token endpoint as audience: only clients registered for that can use it.
    if client["auth"] == "private_key_jwt" and client.get("assertion_audience") != metadata["token_endpoint"]:
        return False
    source, receiver = dataflow["resources"]
    tokens = {}
    for audience in (source, receiver):
        http = session(client, metadata["token_endpoint"])
        tokens[audience] = http.fetch_token(metadata["token_endpoint"], grant_type="client_credentials",
                                            resource=audience)
        check(tokens[audience]["token_type"].lower() == "bearer", "token_type")
        check("refresh_token" not in tokens[audience], "no refresh token for an API user")

    def fhir(audience, method, url, **more):
        headers = {"Accept": "application/fhir+json", **more.pop("headers", {})}
        return OAuth2Session(token=tokens[audience]).request(method, url, headers=headers, **more)

    sample = (DIRECTORY / dataflow["samples"][0]).read_bytes()
    bundle = json.loads(sample)
    identifier = f'{bundle["identifier"]["system"]}|{bundle["identifier"]["value"]}'
    kind = bundle["entry"][0]["resource"]["type"]["coding"][0]["code"]
    found = fhir(source, "GET", f"{source}/Bundle", params={"identifier": identifier, "composition.type": kind})
    check(found.status_code == 200 and found.json()["total"] >= 1, f"the sample is hosted: {found.status_code}")
    hosted = next(e["resource"]["id"] for e in found.json()["entry"] if e["resource"]["resourceType"] == "Bundle")
    original = fhir(source, "GET", f"{source}/Bundle/{hosted}/$original")
    check(original.content == sample, "$original at the source")
    delivered = fhir(receiver, "POST", f"{receiver}/Bundle", data=original.content, headers={
        "Content-Type": "application/fhir+json",
        "If-None-Exist": urlencode({"identifier": identifier, "composition.type": kind})})
    check(delivered.status_code in (200, 201), f"delivery: {delivered.status_code} {delivered.text[:300]}")
    made = delivered.headers["Location"].split("/Bundle/")[1].split("/")[0]
    back = fhir(receiver, "GET", f"{receiver}/Bundle/{made}/$original")
    check(back.content == sample, "read back byte for byte")

    http = session(client, metadata["token_endpoint"])
    revoked = http.revoke_token(metadata["revocation_endpoint"], token=tokens[receiver]["access_token"])
    check(revoked.status_code == 200, f'{client["auth"]}: revocation: {revoked.status_code} {revoked.text}')
    check(fhir(receiver, "GET", f"{receiver}/Bundle/{made}").status_code == 401, "a revoked token is refused at once")
    rs = dataflow["introspection_client"]
    caller = OAuth2Session(rs["client_id"], rs["client_secret"])
    answer = caller.introspect_token(metadata["introspection_endpoint"], token=tokens[source]["access_token"]).json()
    check(answer["active"] is True and answer["client_id"] == client["client_id"], "introspection")
    return True


walks = 0
for dataflow in SANDBOX["dataflows"]:
    ways = set()
    for client in dataflow["clients"]:
        if client["kind"] == "api" and not client.get("note") and walk(dataflow, client):
            walks += 1
            ways.add(client["auth"])
    check({"client_secret_basic", "private_key_jwt"} <= ways, f'{dataflow["name"]}: secret and signed JWT')
print(f"Authlib (Python), API users: {walks} walks, {checks} checks hold")
