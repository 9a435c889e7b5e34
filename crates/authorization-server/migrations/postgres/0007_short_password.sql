-- A password of fewer than 15 characters: it counts with a second factor only.
ALTER TABLE resource_owner ADD COLUMN short_password BOOLEAN NOT NULL DEFAULT FALSE;
