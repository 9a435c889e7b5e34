-- What people have allowed and are not asked again: what_hash stands for all that the page showed (who asked, the
-- scope, where it counts, which records). scope is kept for the person to read.
CREATE TABLE consent (
  user_id TEXT NOT NULL REFERENCES resource_owner (id) ON DELETE CASCADE,
  client_id TEXT NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
  what_hash BYTEA NOT NULL,
  scope TEXT NOT NULL,
  given_ms BIGINT NOT NULL,
  used_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  PRIMARY KEY (user_id, client_id, what_hash)
);
CREATE INDEX consent_client ON consent (client_id);
CREATE INDEX consent_expires ON consent (expires_ms);

-- prompt=consent (OpenID Connect Core section 3.1.2.1).
ALTER TABLE authorization_request ADD COLUMN ask_consent BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE pushed_authorization_request ADD COLUMN ask_consent BOOLEAN NOT NULL DEFAULT FALSE;
