-- What ends is found by when it ends, so that clean-up reads no more than it removes.
CREATE INDEX client_secret_expires ON client_secret (expires_ms);
CREATE INDEX initial_access_token_expires ON initial_access_token (expires_ms);
