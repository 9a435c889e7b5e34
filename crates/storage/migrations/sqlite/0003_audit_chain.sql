-- Each row is a link in the chain of its writer; what writes alone is one writer. A row without a writer comes from a
-- program that is older than the chain.
ALTER TABLE audit_event ADD COLUMN writer TEXT;
ALTER TABLE audit_event ADD COLUMN sequence BIGINT;
ALTER TABLE audit_event ADD COLUMN hash BLOB;
CREATE UNIQUE INDEX audit_event_link ON audit_event (writer, sequence);

-- The newest link of each writer, and the last one that retention has removed.
CREATE TABLE audit_writer (
  writer TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  sequence BIGINT NOT NULL,
  hash BLOB NOT NULL,
  removed_sequence BIGINT NOT NULL,
  removed_hash BLOB NOT NULL
);
INSERT INTO audit_writer (writer, kind, sequence, hash, removed_sequence, removed_hash)
SELECT 'before', CASE WHEN EXISTS (SELECT 1 FROM audit_event) THEN 'adopting' ELSE 'adopted' END, 0, X'', 0, X'';
INSERT INTO audit_writer (writer, kind, sequence, hash, removed_sequence, removed_hash)
VALUES ('seals', 'seals', 0, X'', 0, X'');

-- What all writers' newest links were at a time; a chain of its own.
CREATE TABLE audit_seal (
  sequence BIGINT NOT NULL PRIMARY KEY,
  at_ms BIGINT NOT NULL,
  heads TEXT NOT NULL,
  previous BLOB NOT NULL,
  hash BLOB NOT NULL
);
CREATE INDEX audit_seal_at ON audit_seal (at_ms);

-- How far each destination has every writer's rows, and which node sends them there.
CREATE TABLE audit_destination (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  held_until_ms BIGINT NOT NULL
);
CREATE TABLE audit_cursor (
  destination TEXT NOT NULL,
  writer TEXT NOT NULL,
  sequence BIGINT NOT NULL,
  PRIMARY KEY (destination, writer)
);

CREATE TRIGGER audit_event_linked AFTER INSERT ON audit_event WHEN NEW.writer IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'an audit row is not the next one of its writer')
  WHERE NOT EXISTS (SELECT 1 FROM audit_writer WHERE writer = NEW.writer AND sequence = NEW.sequence - 1);
  UPDATE audit_writer SET sequence = NEW.sequence, hash = NEW.hash WHERE writer = NEW.writer;
END;
CREATE TRIGGER audit_event_unchanged BEFORE UPDATE OF id, at_ms, party, role, action, outcome, reason, client_id,
  subject, organization, jurisdiction, record_id, record_type, token_id, source_address, request_id ON audit_event
BEGIN
  SELECT RAISE(ABORT, 'audit rows are not changed');
END;
CREATE TRIGGER audit_event_linked_once BEFORE UPDATE OF writer, sequence, hash ON audit_event
WHEN OLD.writer IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'audit rows are not changed');
END;
CREATE TRIGGER audit_event_kept BEFORE DELETE ON audit_event
WHEN NOT EXISTS (SELECT 1 FROM audit_writer WHERE writer = OLD.writer AND removed_sequence >= OLD.sequence)
BEGIN
  SELECT RAISE(ABORT, 'audit rows are removed by retention only');
END;
CREATE TRIGGER audit_writer_forward BEFORE UPDATE ON audit_writer
WHEN NEW.writer <> OLD.writer OR NEW.sequence < OLD.sequence OR NEW.removed_sequence < OLD.removed_sequence
  OR NEW.removed_sequence > NEW.sequence
BEGIN
  SELECT RAISE(ABORT, 'a writer of the audit does not go back');
END;
CREATE TRIGGER audit_writer_kept BEFORE DELETE ON audit_writer
BEGIN
  SELECT RAISE(ABORT, 'a writer of the audit stays');
END;
CREATE TRIGGER audit_seal_unchanged BEFORE UPDATE ON audit_seal
BEGIN
  SELECT RAISE(ABORT, 'seals are not changed');
END;
CREATE TRIGGER audit_seal_kept BEFORE DELETE ON audit_seal
WHEN NOT EXISTS (SELECT 1 FROM audit_writer WHERE writer = 'seals' AND removed_sequence >= OLD.sequence)
BEGIN
  SELECT RAISE(ABORT, 'seals are removed by retention only');
END;
