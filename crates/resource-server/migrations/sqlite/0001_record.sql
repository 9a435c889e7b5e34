CREATE TABLE record (
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
  version_id BIGINT NOT NULL,
  last_updated_ms BIGINT NOT NULL,
  body_format BIGINT NOT NULL,
  body_length BIGINT NOT NULL,
  body_sha256 BLOB NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX record_identifier ON record (identifier_value, jurisdiction, id);
CREATE INDEX record_natural_key ON record (jurisdiction, record_type, event_year, certificate_number);
CREATE INDEX record_digest ON record (body_sha256, organization);
