-- Second factors.

-- Authenticator apps (RFC 6238). secret is sealed with AES-256-GCM and bound to the person. One that is not
-- confirmed is only shown. Codes of last_step and earlier have been used up.
CREATE TABLE totp (
  user_id TEXT NOT NULL PRIMARY KEY REFERENCES resource_owner (id) ON DELETE CASCADE,
  secret BLOB NOT NULL,
  created_ms BIGINT NOT NULL,
  confirmed_ms BIGINT,
  last_step BIGINT NOT NULL
);

-- A row is removed by using its code.
CREATE TABLE recovery_code (
  user_id TEXT NOT NULL REFERENCES resource_owner (id) ON DELETE CASCADE,
  code_hash BLOB NOT NULL,
  PRIMARY KEY (user_id, code_hash)
);

-- Somebody whose password was right, in one browser, until the second factor is given.
CREATE TABLE pending_sign_in (
  pending_hash BLOB NOT NULL PRIMARY KEY,
  browser_hash BLOB NOT NULL,
  user_id TEXT NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX pending_sign_in_user ON pending_sign_in (user_id);
CREATE INDEX pending_sign_in_expires ON pending_sign_in (expires_ms);

-- Whether a second factor was given when the session began.
ALTER TABLE session ADD COLUMN second_factor BOOLEAN NOT NULL DEFAULT FALSE;
