-- Each row is a link in the chain of its writer; what writes alone is one writer. A row without a writer comes from a
-- program that is older than the chain.
ALTER TABLE audit_event ADD COLUMN writer TEXT;
ALTER TABLE audit_event ADD COLUMN sequence BIGINT;
ALTER TABLE audit_event ADD COLUMN hash BYTEA;
CREATE UNIQUE INDEX audit_event_link ON audit_event (writer, sequence);

-- The newest link of each writer, and the last one that retention has removed. Every audit row updates one of these few
-- rows: room in the page keeps the versions in it.
CREATE TABLE audit_writer (
  writer TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  sequence BIGINT NOT NULL,
  hash BYTEA NOT NULL,
  removed_sequence BIGINT NOT NULL,
  removed_hash BYTEA NOT NULL
) WITH (fillfactor = 20);
INSERT INTO audit_writer (writer, kind, sequence, hash, removed_sequence, removed_hash)
SELECT 'before', CASE WHEN EXISTS (SELECT 1 FROM audit_event) THEN 'adopting' ELSE 'adopted' END, 0, '', 0, '';
INSERT INTO audit_writer (writer, kind, sequence, hash, removed_sequence, removed_hash)
VALUES ('seals', 'seals', 0, '', 0, '');

-- What all writers' newest links were at a time; a chain of its own.
CREATE TABLE audit_seal (
  sequence BIGINT NOT NULL PRIMARY KEY,
  at_ms BIGINT NOT NULL,
  heads TEXT NOT NULL,
  previous BYTEA NOT NULL,
  hash BYTEA NOT NULL
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

CREATE FUNCTION audit_event_linked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE audit_writer SET sequence = NEW.sequence, hash = NEW.hash
  WHERE writer = NEW.writer AND sequence = NEW.sequence - 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'an audit row is not the next one of its writer';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER audit_event_linked AFTER INSERT ON audit_event FOR EACH ROW WHEN (NEW.writer IS NOT NULL)
  EXECUTE FUNCTION audit_event_linked();

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit is not changed, and shortened by retention only';
END $$;
CREATE TRIGGER audit_event_unchanged BEFORE UPDATE OF id, at_ms, party, role, action, outcome, reason, client_id,
  subject, organization, jurisdiction, record_id, record_type, token_id, source_address, request_id ON audit_event
  FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_event_linked_once BEFORE UPDATE OF writer, sequence, hash ON audit_event
  FOR EACH ROW WHEN (OLD.writer IS NOT NULL) EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_event_whole BEFORE TRUNCATE ON audit_event EXECUTE FUNCTION audit_refuse();

CREATE FUNCTION audit_event_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM audit_writer WHERE writer = OLD.writer AND removed_sequence >= OLD.sequence) THEN
    RAISE EXCEPTION 'audit rows are removed by retention only';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER audit_event_kept BEFORE DELETE ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_event_kept();

CREATE TRIGGER audit_writer_forward BEFORE UPDATE ON audit_writer FOR EACH ROW
  WHEN (NEW.writer <> OLD.writer OR NEW.sequence < OLD.sequence OR NEW.removed_sequence < OLD.removed_sequence
    OR NEW.removed_sequence > NEW.sequence)
  EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_writer_kept BEFORE DELETE ON audit_writer FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_writer_whole BEFORE TRUNCATE ON audit_writer EXECUTE FUNCTION audit_refuse();

CREATE FUNCTION audit_seal_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM audit_writer WHERE writer = 'seals' AND removed_sequence >= OLD.sequence) THEN
    RAISE EXCEPTION 'seals are removed by retention only';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER audit_seal_unchanged BEFORE UPDATE ON audit_seal FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_seal_kept BEFORE DELETE ON audit_seal FOR EACH ROW EXECUTE FUNCTION audit_seal_kept();
CREATE TRIGGER audit_seal_whole BEFORE TRUNCATE ON audit_seal EXECUTE FUNCTION audit_refuse();
