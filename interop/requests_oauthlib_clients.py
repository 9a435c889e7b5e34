"""requests-oauthlib (Python): API users with a secret, and people with PKCE, every dataflow."""

import json
import os
import pathlib
import sys
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error, WebApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

SANDBOX = json.loads((pathlib.Path(os.environ["SANDBOX"]) / "sandbox.json").read_text())
checks = 0


def check(holds, what):
    global checks
    checks += 1
    if not holds:
        sys.exit(f"does not hold: {what}")


def refused(code, what, act):
    """Holds if the library raises the OAuth error `code`."""
    try:
        act()
    except OAuth2Error as error:
        check(error.error == code, f"{what}: expected {code}, saw {error.error}")
    else:
        check(False, f"{what}: accepted")


class Form(HTMLParser):
    """The hidden fields of a page's first form, and where it goes."""

    def __init__(self, page):
        super().__init__()
        self.fields, self.action, self.forms = {}, None, 0
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.forms += 1
            self.action = self.action or attributes.get("action")
        if self.forms == 1 and tag == "input" and attributes.get("type") == "hidden":
            self.fields[attributes["name"]] = attributes.get("value", "")


def sign_in(url, redirect_uri, user):
    """The browser's part; yields the callback."""
    browser = requests.Session()
    answer = browser.get(url, allow_redirects=False)
    for _ in range(12):
        if answer.is_redirect:
            url = urljoin(url, answer.headers["Location"])
            if url.startswith(redirect_uri):
                return url
            answer = browser.get(url, allow_redirects=False)
            continue
        check(answer.status_code == 200, f"a page: {answer.status_code}")
        form = Form(answer.text)
        url = urljoin(url, form.action or url)
        if 'name="password"' in answer.text:
            form.fields |= {"username": user["username"], "password": user["password"]}
        else:
            form.fields["decision"] = "allow"
        headers = {"Origin": "{0.scheme}://{0.netloc}".format(urlsplit(url))}
        answer = browser.post(url, data=form.fields, headers=headers, allow_redirects=False)
    sys.exit("the sign-in did not end")


def registered(dataflow, kind, auth):
    return next(client for client in dataflow["clients"]
                if (client["kind"], client["auth"]) == (kind, auth) and "note" not in client)


def system(dataflow, metadata):
    client = registered(dataflow, "api", "client_secret_basic")
    source, receiver = dataflow["resources"]
    endpoint = metadata["token_endpoint"]

    def session(scope=client["scope"]):
        return OAuth2Session(client=BackendApplicationClient(client["client_id"], scope=scope))

    def fetch(http, secret=client["client_secret"], **more):
        return http.fetch_token(endpoint, auth=HTTPBasicAuth(client["client_id"], secret), **more)

    http = session()
    token = fetch(http, resource=source)
    check(token["token_type"].lower() == "bearer" and "refresh_token" not in token, "an API user's token")
    read = f'{source}/Bundle/{dataflow["sample_ids"][0]}'
    check(http.get(read).status_code == 200, "the API user reads")
    check(http.get(f"{receiver}/Bundle/{dataflow['sample_ids'][0]}").status_code == 401, "another audience")
    check(requests.get(read).status_code == 401, "no token")
    revoked = requests.post(metadata["revocation_endpoint"], data={"token": token["access_token"]},
                            auth=(client["client_id"], client["client_secret"]))
    check(revoked.status_code == 200 and http.get(read).status_code == 401, "revocation")

    refused("invalid_client", "a wrong secret", lambda: fetch(session(), secret="wrong"))
    refused("invalid_scope", "a scope that is not registered", lambda: fetch(session("system/Patient.rs")))
    refused("invalid_target", "a resource that is not registered",
            lambda: fetch(session(), resource="https://elsewhere.example/fhir"))
    refused("invalid_client", "the secret in the form", lambda: session().fetch_token(
        endpoint, client_id=client["client_id"], client_secret=client["client_secret"], include_client_id=True))


def person(dataflow, metadata, client):
    source, receiver = dataflow["resources"]
    endpoint = metadata["token_endpoint"]
    secret = client.get("client_secret")
    proof = {"auth": HTTPBasicAuth(client["client_id"], secret)} if secret else {"include_client_id": True}

    def session():
        application = WebApplicationClient(client["client_id"])
        return OAuth2Session(client=application, scope=client["scope"], redirect_uri=client["redirect_uri"], pkce="S256")

    def callback(http, **more):
        url, _ = http.authorization_url(metadata["authorization_endpoint"], **more)
        return sign_in(url, client["redirect_uri"], dataflow["users"][0])

    http = session()
    answer = callback(http)
    check(parse_qs(urlsplit(answer).query)["iss"] == [metadata["issuer"]], "the redirect names its issuer")
    token = http.fetch_token(endpoint, authorization_response=answer, resource=source, **proof)
    read = f'{source}/Bundle/{dataflow["sample_ids"][0]}'
    check(http.get(read).status_code == 200, "the person reads")
    refreshed = http.refresh_token(endpoint, token["refresh_token"], resource=receiver,
                                   auth=proof.get("auth"), client_id=client["client_id"])
    check(refreshed["access_token"] != token["access_token"], "a refresh token gives a new token")
    check(http.get(read).status_code == 401, "which is for the receiver only")
    refused("invalid_grant", "a code twice",
            lambda: http.fetch_token(endpoint, authorization_response=answer, **proof))
    refused("invalid_grant", "the refresh token of a code that was used twice", lambda: http.refresh_token(
        endpoint, refreshed["refresh_token"], auth=proof.get("auth"), client_id=client["client_id"]))

    answer = callback(session())
    thief = session()
    thief.authorization_url(metadata["authorization_endpoint"])
    refused("invalid_grant", "a code with another session's verifier", lambda: thief.fetch_token(
        endpoint, code=parse_qs(urlsplit(answer).query)["code"][0], **proof))
    plain = OAuth2Session(client["client_id"], scope=client["scope"], redirect_uri=client["redirect_uri"])
    answer = callback(plain)
    refused("invalid_request", "no PKCE", lambda: plain.fetch_token(endpoint, authorization_response=answer, **proof))


for dataflow in SANDBOX["dataflows"]:
    issuer = SANDBOX["parties"][dataflow["authorization_server"]]["issuer"]
    metadata = requests.get(f"{issuer}/.well-known/oauth-authorization-server").json()
    system(dataflow, metadata)
    for auth in ("none", "client_secret_basic"):
        person(dataflow, metadata, registered(dataflow, "human", auth))
print(f"requests-oauthlib (Python): {checks} checks hold")
