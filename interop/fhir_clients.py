"""fhirpy and fhirclient (Python) read and write at every source, with the libraries' own sign-in where they have one."""

import json
import os
import pathlib
import subprocess
import sys
import time
import uuid

import requests
from fhirclient import client as smart
from fhirclient.models import bundle, capabilitystatement, composition
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

DIRECTORY = pathlib.Path(os.environ["SANDBOX"])
SANDBOX = json.loads((DIRECTORY / "sandbox.json").read_text())
CA = str(DIRECTORY / "ca.pem")
checks = 0
signed_in = []


def check(holds, what):
    global checks
    checks += 1
    if not holds:
        sys.exit(f"does not hold: {what}")


def register(dataflow, name, *options):
    """One more client at the dataflow's authorization server, of the same organization as the others."""
    like = dataflow["clients"][0]
    config = DIRECTORY / SANDBOX["parties"][dataflow["authorization_server"]]["config"]
    audiences = [word for resource in like["resources"] for word in ("--audience", resource)]
    asked = ["client", "add", name, *audiences, "--organization", like["organization"],
             "--jurisdictions", ",".join(like["jurisdictions"]), "--record-types", ",".join(like["record_types"]),
             "--scope", "system/*.cruds", *options, "--config", str(config), "--output", "json"]
    return json.loads(subprocess.run([os.environ["VITALGATE"], *asked], check=True, capture_output=True).stdout)


def sample(dataflow):
    return json.loads((DIRECTORY / dataflow["samples"][0]).read_text())


def token(issuer, known, audience):
    answer = requests.post(f"{issuer}/oauth2/token", auth=(known["client_id"], known["client_secret"]),
                           data={"grant_type": "client_credentials", "resource": audience})
    check(answer.status_code == 200, f"a token: {answer.status_code}")
    return answer.json()["access_token"]


def with_fhirpy(dataflow):
    base = dataflow["resources"][0]
    issuer = SANDBOX["parties"][dataflow["authorization_server"]]["issuer"]
    known = register(dataflow, "fhirpy")
    fhir = SyncFHIRClient(base, authorization=f"Bearer {token(issuer, known, base)}", requests_config={"verify": CA},
                          # The library reads the resource out of every answer.
                          extra_headers={"Prefer": "return=representation"})
    record = sample(dataflow)
    # The library sends a Bundle that is saved to the base, as a batch: a document has to be sent by its path.
    made = fhir.execute("Bundle", method="post", data=record)
    check(made.id and made.meta.versionId == "1", "fhirpy creates")
    read = fhir.reference("Bundle", made.id).to_resource()
    check(len(read["entry"]) == len(record["entry"]), "fhirpy reads what it wrote")
    check(fhir.reference("Composition", made.id).to_resource()["status"] == "final", "fhirpy reads a Composition")
    asked = f'{record["identifier"]["system"]}|{record["identifier"]["value"]}'
    found = fhir.resources("Bundle").search(identifier=asked).fetch()
    check(any(one.id == made.id for one in found), "fhirpy finds it")
    check(all(one.resource_type == "Bundle" for one in found), "and nothing else")
    try:
        fhir.reference("Bundle", str(uuid.uuid4())).to_resource()
        check(False, "what is not there is not found")
    except ResourceNotFound:
        check(True, "fhirpy knows a 404")
    try:
        fhir.execute("Bundle", method="post", data={"resourceType": "Bundle", "type": "document"})
        check(False, "a Bundle of nothing is refused")
    except OperationOutcome as outcome:
        check(outcome.resource["issue"][0]["severity"] == "error", "fhirpy reads our OperationOutcome")


def assertion(dataflow, known):
    """RFC 10070: the issuer is the only audience."""
    signing = next(c for c in dataflow["clients"] if c.get("private_key") and not c.get("note"))
    pem = (DIRECTORY / signing["private_key"]).read_text()
    key = (ECKey if signing["alg"].startswith("ES") else RSAKey).import_key(pem)
    header = {"alg": signing["alg"], "kid": signing["kid"], "typ": "client-authentication+jwt"}
    now = int(time.time())
    claims = {"iss": known["client_id"], "sub": known["client_id"], "iat": now, "exp": now + 240, "jti": str(uuid.uuid4()),
              "aud": SANDBOX["parties"][dataflow["authorization_server"]]["issuer"]}
    return jwt.encode(header, claims, key, algorithms=[signing["alg"]])


def with_fhirclient(dataflow):
    """The library finds the token endpoint in our CapabilityStatement and signs in as a backend service."""
    base = dataflow["resources"][0]
    jwks = DIRECTORY / dataflow["client"] / "keys" / "jwks.json"
    known = register(dataflow, "fhirclient", "--auth", "private_key_jwt", "--jwks", str(jwks))
    app = smart.FHIRClient(settings={"app_id": known["client_id"], "api_base": base, "scope": "system/*.cruds",
                                     "jwt_token": assertion(dataflow, known)})
    app.prepare()
    issuer = SANDBOX["parties"][dataflow["authorization_server"]]["issuer"]
    if app.server.auth._token_uri.startswith(issuer):
        app.authorize()
        signed_in.append(dataflow["name"])
    else:
        # A server that trusts several issuers advertises the first; the others' clients know their own.
        app.server.auth.access_token = token(issuer, register(dataflow, "fhirclient"), base)
    check(app.ready, "fhirclient signs in")
    capability = app.server.capabilityStatement
    check(isinstance(capability, capabilitystatement.CapabilityStatement), "and reads our CapabilityStatement")
    record = bundle.Bundle(sample(dataflow), strict=True)
    record.id = None
    created = record.create(app.server)
    check(created is None or created.get("resourceType") in (None, "Bundle", "OperationOutcome"), "fhirclient creates")
    asked = f"{record.identifier.system}|{record.identifier.value}"
    found = bundle.Bundle.where({"identifier": asked}).perform_resources(app.server)
    check(found and all(isinstance(one, bundle.Bundle) for one in found), "fhirclient finds it")
    read = bundle.Bundle.read(found[0].id, app.server)
    check(len(read.entry) >= 1 and read.type == "document", "fhirclient reads it, by its strict models")
    title = composition.Composition.read(found[0].id, app.server)
    check(title.status == "final", "and its Composition")
    try:
        bundle.Bundle.read("none", app.server)
        check(False, "what is not there is not found")
    except Exception as error:  # noqa: BLE001: the library has a class of its own for it
        check("404" in str(error) or type(error).__name__ == "FHIRNotFoundException", f"fhirclient knows a 404: {error!r}")


for flow in SANDBOX["dataflows"]:
    with_fhirpy(flow)
    with_fhirclient(flow)
check(signed_in, "fhirclient signs in by itself where it can find the issuer")
print(f"fhirpy and fhirclient: {checks} checks hold")
