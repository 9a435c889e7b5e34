-- The current version stays where it is: no record moves at an upgrade. Earlier ones go to record_version.
ALTER TABLE record ADD COLUMN interaction TEXT NOT NULL DEFAULT 'create';
ALTER TABLE record ADD COLUMN key_id TEXT;
ALTER TABLE record ADD COLUMN facility TEXT;
CREATE TABLE record_version (
  id TEXT NOT NULL,
  version_id BIGINT NOT NULL,
  interaction TEXT NOT NULL,
  last_updated_ms BIGINT NOT NULL,
  body_format BIGINT NOT NULL,
  key_id TEXT,
  body_length BIGINT NOT NULL,
  body_sha256 BLOB NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (id, version_id)
);
CREATE INDEX record_last_updated ON record (last_updated_ms, id);
CREATE INDEX record_version_last_updated ON record_version (last_updated_ms, id, version_id);
CREATE INDEX record_key ON record (key_id, id);
CREATE INDEX record_version_key ON record_version (key_id, id, version_id);
