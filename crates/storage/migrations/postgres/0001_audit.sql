-- One row per access, change, search and denial. It holds no record content.
CREATE TABLE audit_event (
  id TEXT NOT NULL PRIMARY KEY,
  at_ms BIGINT NOT NULL,
  party TEXT NOT NULL,
  role TEXT NOT NULL,
  action TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT,
  client_id TEXT,
  subject TEXT,
  organization TEXT,
  jurisdiction TEXT,
  record_id TEXT,
  record_type TEXT,
  token_id TEXT,
  source_address TEXT,
  request_id TEXT
);
CREATE INDEX audit_event_at ON audit_event (at_ms);
CREATE INDEX audit_event_record ON audit_event (record_id, at_ms);
CREATE INDEX audit_event_client ON audit_event (client_id, at_ms);
