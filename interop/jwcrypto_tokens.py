"""jwcrypto (Python): verifies our keys and every JWT of ours, and mints assertions that must be refused."""

import json
import os
import pathlib
import subprocess
import sys
import time
import uuid

import requests
from jwcrypto.common import base64url_encode
from jwcrypto.jwk import JWK, JWKSet
from jwcrypto.jws import JWS
from jwcrypto.jwt import JWT, JWTMissingKey

DIRECTORY = pathlib.Path(os.environ["SANDBOX"])
SANDBOX = json.loads((DIRECTORY / "sandbox.json").read_text())
DATAFLOW = SANDBOX["dataflows"][0]
OFFICE = SANDBOX["parties"][DATAFLOW["authorization_server"]]
ISSUER = OFFICE["issuer"]
METADATA = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server").json()
AUDIENCE = f"https://{uuid.uuid4()}.example/fhir"
checks = 0


def check(holds, what):
    global checks
    checks += 1
    if not holds:
        sys.exit(f"does not hold: {what}")


def operate(*command):
    """A command of the authorization server's operator, beside the running server."""
    config = ["--config", str(DIRECTORY / OFFICE["config"]), "--output", "json"]
    return json.loads(subprocess.run([os.environ["VITALGATE"], *command, *config], check=True, capture_output=True).stdout)


def post(endpoint, form, client=None, **headers):
    authentication = (client["client_id"], client["client_secret"]) if client else None
    return requests.post(METADATA[endpoint], data=form, auth=authentication, headers=headers)


def our_jwts():
    """RFC 7517, RFC 9068 and RFC 9701 as this library reads them; yields an access token."""
    published = requests.get(METADATA["jwks_uri"])
    keys = JWKSet.from_json(published.text)
    for key in keys["keys"]:
        check(key["kid"] == key.thumbprint(), "a key is named by its thumbprint")
    private = {"d", "k", "p", "q", "dp", "dq", "qi"}
    check(not any(private & key.keys() for key in published.json()["keys"]), "only public keys are published")
    like = DATAFLOW["clients"][0]
    server = operate("resource-server", "add", AUDIENCE, "--name", "JWT", "--organization", like["organization"],
                     "--access-token-alg", "RS256", "--introspection-alg", "RS256")
    client = operate("client", "add", "jwcrypto", "--scope", "system/Bundle.rs", "--audience", AUDIENCE, "--organization",
                     like["organization"], "--jurisdictions", "MA", "--record-types", "birth")
    token = post("token_endpoint", {"grant_type": "client_credentials"}, client).json()["access_token"]
    expected = {"iss": ISSUER, "aud": AUDIENCE, "client_id": client["client_id"], "sub": client["client_id"],
                "exp": None, "iat": None, "jti": None, "scope": "system/Bundle.rs"}
    read = JWT(jwt=token, key=keys, algs=["RS256"], check_claims=expected, expected_type="JWS")
    check(json.loads(read.header)["typ"] == "at+jwt", "the access token's typ")

    answer = post("introspection_endpoint", {"token": token}, server, accept="application/token-introspection+jwt")
    check(answer.headers["content-type"] == "application/token-introspection+jwt", "the signed answer's type")
    told = JWT(jwt=answer.text, key=keys, algs=["RS256"], check_claims={"iss": ISSUER, "aud": server["client_id"]})
    check(json.loads(told.header)["typ"] == "token-introspection+jwt", "the signed answer's typ")
    inside = json.loads(told.claims)["token_introspection"]
    check(inside["active"] is True and inside["jti"] == json.loads(read.claims)["jti"], "it tells of this token")

    strange = JWK.generate(kty="RSA", size=2048)
    try:
        JWT(jwt=token, key=JWKSet(keys=strange), algs=["RS256"])
        check(False, "another key does not verify")
    except JWTMissingKey:
        pass
    other = dict(server, client_secret="wrong")
    check(post("introspection_endpoint", {"token": token}, other).status_code == 401, "a wrong secret")
    post("revocation_endpoint", {"token": token}, client)
    answer = post("introspection_endpoint", {"token": token}, server, accept="application/token-introspection+jwt")
    told = JWT(jwt=answer.text, key=keys, algs=["RS256"], check_claims={"iss": ISSUER, "aud": server["client_id"]})
    check(json.loads(told.claims)["token_introspection"] == {"active": False}, "a revoked token, signed: inactive")
    return token


def tried(assertion):
    answer = post("token_endpoint", {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion})
    return answer.status_code, answer.json().get("error")


def bad_assertions(access_token):
    client = next(client for client in DATAFLOW["clients"] if client.get("assertion_audience") == ISSUER)
    key = JWK.from_pem((DIRECTORY / client["private_key"]).read_bytes())
    strange = JWK.generate(kty="EC", crv="P-384")
    now = int(time.time())
    header = {"alg": client["alg"], "kid": client["kid"], "typ": "client-authentication+jwt"}

    def claims(**changed):
        made = {"iss": client["client_id"], "sub": client["client_id"], "aud": ISSUER, "jti": str(uuid.uuid4()),
                "exp": now + 60}
        return {name: value for name, value in (made | changed).items() if value is not None}

    def signed(claims, key=key, algorithms=None, **changed):
        jws = JWS(json.dumps(claims))
        jws.allowed_algs = algorithms or [client["alg"]]
        jws.add_signature(key, protected=json.dumps(header | changed))
        return jws.serialize(compact=True)

    def unsecured():
        return ".".join([base64url_encode(json.dumps(header | {"alg": "none"})), base64url_encode(json.dumps(claims())), ""])

    public = key.export_public(as_dict=True)
    refusals = {
        "alg none": unsecured(),
        "an HMAC with the public key": signed(
            claims(), JWK(kty="oct", k=base64url_encode(key.export_to_pem())), ["HS256"], alg="HS256"),
        "another's key": signed(claims(), strange),
        "another's key, brought along": signed(claims(), strange, jwk=strange.export_public(as_dict=True)),
        "the right key, brought along": signed(claims(), jwk=public),
        "jku": signed(claims(), jku="https://elsewhere.example/jwks"),
        "x5u": signed(claims(), x5u="https://elsewhere.example/chain"),
        "x5c": signed(claims(), x5c=["MIIB"]),
        "an unknown kid": signed(claims(), kid="nobody"),
        "typ JWT": signed(claims(), typ="JWT"),
        "typ at+jwt": signed(claims(), typ="at+jwt"),
        "another audience": signed(claims(aud="https://elsewhere.example")),
        "two audiences": signed(claims(aud=[ISSUER, METADATA["token_endpoint"]])),
        "another issuer": signed(claims(iss="somebody")),
        "another subject": signed(claims(sub="somebody")),
        "expired": signed(claims(exp=now - 120)),
        "far ahead": signed(claims(exp=now + 3600)),
        "no exp": signed(claims(exp=None)),
        "exp as a text": signed(claims(exp=str(now + 60))),
        "no jti": signed(claims(jti=None)),
        "an access token of the server's own": access_token,
    }
    for what, assertion in refusals.items():
        seen = tried(assertion)
        check(seen == (401, "invalid_client"), f"{what}: {seen}")
    good = signed(claims())
    check(tried(good) == (200, None), "a good assertion")
    check(tried(good) == (401, "invalid_client"), "the same jti again")


bad_assertions(our_jwts())
print(f"jwcrypto (Python): {checks} checks hold")
