-- Browsers that a person has signed in with. Guesses from elsewhere do not keep the person out of them.
CREATE TABLE known_browser (
  browser_hash BYTEA NOT NULL,
  user_id TEXT NOT NULL REFERENCES resource_owner (id) ON DELETE CASCADE,
  expires_ms BIGINT NOT NULL,
  PRIMARY KEY (browser_hash, user_id)
);
CREATE INDEX known_browser_user ON known_browser (user_id);
CREATE INDEX known_browser_expires ON known_browser (expires_ms);
