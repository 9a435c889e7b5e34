-- SQLite reads a row up to the column that is asked for: what stands behind a body of megabytes costs all of its pages.
-- Every body moves once.
CREATE TABLE record_moved (
  id TEXT NOT NULL PRIMARY KEY,
  resource_type TEXT NOT NULL,
  bundle_type TEXT NOT NULL,
  record_type TEXT,
  composition_type TEXT,
  composition_id TEXT,
  jurisdiction TEXT NOT NULL,
  event_year BIGINT,
  certificate_number TEXT,
  identifier_system TEXT,
  identifier_value TEXT,
  organization TEXT NOT NULL,
  addressee TEXT,
  facility TEXT,
  version_id BIGINT NOT NULL,
  interaction TEXT NOT NULL,
  last_updated_ms BIGINT NOT NULL,
  body_format BIGINT NOT NULL,
  key_id TEXT,
  body_length BIGINT NOT NULL,
  body_sha256 BLOB NOT NULL,
  body BLOB NOT NULL
);
INSERT INTO record_moved (id, resource_type, bundle_type, record_type, composition_type, composition_id, jurisdiction,
  event_year, certificate_number, identifier_system, identifier_value, organization, addressee, facility, version_id,
  interaction, last_updated_ms, body_format, key_id, body_length, body_sha256, body)
SELECT id, resource_type, bundle_type, record_type, composition_type, composition_id, jurisdiction,
  event_year, certificate_number, identifier_system, identifier_value, organization, addressee, facility, version_id,
  interaction, last_updated_ms, body_format, key_id, body_length, body_sha256, body FROM record;
DROP TABLE record;
ALTER TABLE record_moved RENAME TO record;
CREATE INDEX record_identifier ON record (identifier_value, jurisdiction, id);
CREATE INDEX record_natural_key ON record (jurisdiction, record_type, event_year, certificate_number);
CREATE INDEX record_digest ON record (body_sha256, organization);
CREATE INDEX record_last_updated ON record (last_updated_ms, id);
CREATE INDEX record_key ON record (key_id, id);
-- What a start walks to see whether all records are indexed.
CREATE INDEX record_current ON record (id) WHERE interaction <> 'delete';
