-- Registered clients. Lists (grant_types, redirect_uris, audiences, jurisdictions, record_types) are
-- JSON arrays of strings; scope is the space-delimited text of RFC 6749 section 3.3.
CREATE TABLE client (
  client_id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  authentication TEXT NOT NULL,
  assertion_audience TEXT NOT NULL,
  grant_types TEXT NOT NULL,
  redirect_uris TEXT NOT NULL,
  scope TEXT NOT NULL,
  audiences TEXT NOT NULL,
  organization TEXT,
  organization_access TEXT NOT NULL,
  jurisdictions TEXT NOT NULL,
  record_types TEXT NOT NULL,
  jwks TEXT,
  jwks_uri TEXT,
  access_token_lifetime_s BIGINT,
  disabled BOOLEAN NOT NULL,
  note TEXT,
  created_ms BIGINT NOT NULL
);

CREATE TABLE client_secret (
  id TEXT NOT NULL PRIMARY KEY,
  client_id TEXT NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  secret_hash BLOB NOT NULL,
  created_ms BIGINT NOT NULL,
  expires_ms BIGINT
);
CREATE UNIQUE INDEX client_secret_hash ON client_secret (client_id, secret_hash);

CREATE TABLE resource_server (
  audience TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  introspection_client_id TEXT NOT NULL REFERENCES client (client_id),
  organization TEXT NOT NULL,
  created_ms BIGINT NOT NULL
);
CREATE INDEX resource_server_client ON resource_server (introspection_client_id);

-- People. password_hash is an argon2id PHC string (RFC 9106).
CREATE TABLE resource_owner (
  id TEXT NOT NULL PRIMARY KEY,
  username TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  role TEXT NOT NULL,
  scope TEXT NOT NULL,
  organization TEXT,
  organization_access TEXT NOT NULL,
  jurisdictions TEXT NOT NULL,
  record_types TEXT NOT NULL,
  disabled BOOLEAN NOT NULL,
  note TEXT,
  created_ms BIGINT NOT NULL,
  password_changed_ms BIGINT NOT NULL
);

CREATE TABLE session (
  session_hash BLOB NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL,
  auth_time_ms BIGINT NOT NULL,
  last_used_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX session_of_user ON session (user_id);
CREATE INDEX session_expires ON session (expires_ms);

-- A validated authorization request while the person signs in and consents.
CREATE TABLE authorization_request (
  request_hash BLOB NOT NULL PRIMARY KEY,
  browser_hash BLOB NOT NULL,
  client_id TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  scope TEXT NOT NULL,
  audiences TEXT NOT NULL,
  state TEXT,
  code_challenge TEXT NOT NULL,
  fresh_login BOOLEAN NOT NULL,
  created_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX authorization_request_expires ON authorization_request (expires_ms);

-- family_id is chosen when the code is made: a second use then knows what to revoke.
CREATE TABLE authorization_code (
  code_hash BLOB NOT NULL PRIMARY KEY,
  client_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  code_challenge TEXT NOT NULL,
  scope TEXT NOT NULL,
  audiences TEXT NOT NULL,
  family_id TEXT NOT NULL,
  auth_time_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  used_ms BIGINT
);
CREATE INDEX authorization_code_expires ON authorization_code (expires_ms);
CREATE INDEX authorization_code_client ON authorization_code (client_id);
CREATE INDEX authorization_code_user ON authorization_code (user_id);

-- Everything one consent led to: its access tokens and its chain of refresh tokens.
CREATE TABLE token_family (
  id TEXT NOT NULL PRIMARY KEY,
  client_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  scope TEXT NOT NULL,
  audiences TEXT NOT NULL,
  auth_time_ms BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  revoked_ms BIGINT
);
CREATE INDEX token_family_client ON token_family (client_id);
CREATE INDEX token_family_user ON token_family (user_id);
CREATE INDEX token_family_expires ON token_family (expires_ms);

-- Tokens of client credentials have neither family nor user.
CREATE TABLE access_token (
  token_hash BLOB NOT NULL PRIMARY KEY,
  family_id TEXT,
  client_id TEXT NOT NULL,
  user_id TEXT,
  scope TEXT NOT NULL,
  audiences TEXT NOT NULL,
  issued_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  revoked_ms BIGINT
);
CREATE INDEX access_token_client ON access_token (client_id);
CREATE INDEX access_token_expires ON access_token (expires_ms);

-- One row per link of a chain. used_ms, successor_hash and the answer are set together, once.
CREATE TABLE refresh_token (
  token_hash BLOB NOT NULL PRIMARY KEY,
  family_id TEXT NOT NULL,
  used_ms BIGINT,
  successor_hash BLOB,
  answer_scope TEXT,
  answer_audiences TEXT
);
CREATE INDEX refresh_token_family ON refresh_token (family_id);

-- Client assertions seen, kept until they can no longer be accepted (RFC 7523 section 3).
CREATE TABLE assertion_jti (
  client_id TEXT NOT NULL,
  jti_hash BLOB NOT NULL,
  expires_ms BIGINT NOT NULL,
  PRIMARY KEY (client_id, jti_hash)
);
CREATE INDEX assertion_jti_expires ON assertion_jti (expires_ms);

-- Failed sign-ins, one row each: kind is 'account' or 'source', subject_hash its SHA-256, attempt a
-- random number by which the one that succeeds is taken back.
CREATE TABLE login_failure (
  kind TEXT NOT NULL,
  subject_hash BLOB NOT NULL,
  at_ms BIGINT NOT NULL,
  attempt BLOB NOT NULL
);
CREATE INDEX login_failure_subject ON login_failure (kind, subject_hash, at_ms);
CREATE INDEX login_failure_at ON login_failure (at_ms);
