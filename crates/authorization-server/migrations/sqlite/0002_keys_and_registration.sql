-- Keys, registration by clients themselves, pushed requests.

-- How a client speaks the protocol. assertion_algorithms is a JSON array; empty means its profile's.
ALTER TABLE client ADD COLUMN profile TEXT NOT NULL DEFAULT 'baseline';
ALTER TABLE client ADD COLUMN assertion_algorithms TEXT NOT NULL DEFAULT '[]';
ALTER TABLE client ADD COLUMN introspection_signed_response_alg TEXT;
ALTER TABLE client ADD COLUMN require_pushed_authorization_requests BOOLEAN NOT NULL DEFAULT FALSE;

-- NULL: opaque tokens; else JWTs (RFC 9068) signed with this algorithm.
ALTER TABLE resource_server ADD COLUMN access_token_signing_alg TEXT;

-- A key's state is a matter of time: next until active_ms, active until retiring_ms, retiring until
-- retired_ms. private_key is sealed with AES-256-GCM under the key encryption key, and emptied once the
-- key signs no more. Of each algorithm exactly one key has no end yet.
CREATE TABLE signing_key (
  kid TEXT NOT NULL PRIMARY KEY,
  algorithm TEXT NOT NULL,
  public_jwk TEXT NOT NULL,
  private_key BLOB NOT NULL,
  created_ms BIGINT NOT NULL,
  active_ms BIGINT NOT NULL,
  retiring_ms BIGINT,
  retired_ms BIGINT
);
CREATE UNIQUE INDEX signing_key_open ON signing_key (algorithm) WHERE retiring_ms IS NULL;

-- Initial access tokens (RFC 7591 section 1.2). Each row is also the policy of the clients that were
-- registered with it, so it stays as long as they do.
CREATE TABLE initial_access_token (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  token_hash BLOB NOT NULL UNIQUE,
  methods TEXT NOT NULL,
  grant_types TEXT NOT NULL,
  scope TEXT NOT NULL,
  audiences TEXT NOT NULL,
  organization TEXT,
  organization_access TEXT NOT NULL,
  jurisdictions TEXT NOT NULL,
  record_types TEXT NOT NULL,
  uses_left BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL
);

-- Clients that registered themselves (RFC 7592), with the hash of their registration access token.
CREATE TABLE client_registration (
  client_id TEXT NOT NULL PRIMARY KEY REFERENCES client (client_id) ON DELETE CASCADE,
  initial_access_token_id TEXT NOT NULL REFERENCES initial_access_token (id),
  token_hash BLOB NOT NULL
);
CREATE INDEX client_registration_policy ON client_registration (initial_access_token_id);

-- Authorization requests that a client has pushed (RFC 9126), until a browser brings the request_uri.
CREATE TABLE pushed_authorization_request (
  request_uri_hash BLOB NOT NULL PRIMARY KEY,
  client_id TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  scope TEXT NOT NULL,
  audiences TEXT NOT NULL,
  state TEXT,
  code_challenge TEXT NOT NULL,
  fresh_login BOOLEAN NOT NULL,
  silent BOOLEAN NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX pushed_authorization_request_expires ON pushed_authorization_request (expires_ms);
