-- Sign-in at an organization's own OpenID Provider.

-- Who a person is there: sub is unique within an issuer (OpenID Connect Core section 2), and nothing else is. A
-- person has at most one identity of an issuer.
CREATE TABLE federated_identity (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES resource_owner (id) ON DELETE CASCADE,
  created_ms BIGINT NOT NULL,
  used_ms BIGINT,
  PRIMARY KEY (issuer, subject)
);
CREATE UNIQUE INDEX federated_identity_user ON federated_identity (user_id, issuer);

-- Somebody who was sent there, in one browser, until the answer comes. Nonce and code verifier are not stored: they
-- are derived from the browser's cookie. request is the handle of an authorization request, which opens nothing in
-- another browser.
CREATE TABLE federated_sign_in (
  state_hash BYTEA NOT NULL PRIMARY KEY,
  browser_hash BYTEA NOT NULL,
  identity_provider TEXT NOT NULL,
  request TEXT,
  page TEXT NOT NULL,
  max_age_s BIGINT,
  begun_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX federated_sign_in_expires ON federated_sign_in (expires_ms);

-- Where a browser has signed in and is to sign out again. id_token is sealed with AES-256-GCM and bound to the
-- browser.
CREATE TABLE federated_sign_out (
  browser_hash BYTEA NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES resource_owner (id) ON DELETE CASCADE,
  identity_provider TEXT NOT NULL,
  id_token BYTEA NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX federated_sign_out_expires ON federated_sign_out (expires_ms);
