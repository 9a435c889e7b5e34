-- Passkeys (Web Authentication), and what a sign-in has proved.

-- id names the row on pages and in the audit. credential is what the library keeps of it: the public key and how it
-- was made. sign_count is the greatest signature counter that was seen; most passkeys have none and say 0.
CREATE TABLE passkey (
  id TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES resource_owner (id) ON DELETE CASCADE,
  credential_id BLOB NOT NULL,
  name TEXT NOT NULL,
  credential TEXT NOT NULL,
  sign_count BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  last_used_ms BIGINT
);
CREATE UNIQUE INDEX passkey_credential ON passkey (credential_id);
CREATE INDEX passkey_user ON passkey (user_id);

-- What one browser was asked, until it answers. user_id is null where it was not said who signs in.
CREATE TABLE passkey_ceremony (
  ceremony_hash BLOB NOT NULL PRIMARY KEY,
  browser_hash BLOB NOT NULL,
  user_id TEXT,
  expected TEXT NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX passkey_ceremony_expires ON passkey_ceremony (expires_ms);

-- What the sign-in of a session proved: aal1, aal2 or phr. It takes the place of second_factor, which nobody reads
-- any more.
ALTER TABLE session ADD COLUMN acr TEXT NOT NULL DEFAULT 'aal1';
UPDATE session SET acr = 'aal2' WHERE second_factor;

-- acr_values of a request, the known ones in order; empty where none is known, null where none was asked for.
ALTER TABLE authorization_request ADD COLUMN acr_values TEXT;
ALTER TABLE pushed_authorization_request ADD COLUMN acr_values TEXT;

-- What the tokens of a consent say of the sign-in before it (RFC 9470 section 6).
ALTER TABLE authorization_code ADD COLUMN acr TEXT;
ALTER TABLE token_family ADD COLUMN acr TEXT;
