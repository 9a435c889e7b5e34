-- Verification asks for the newest row of retention, however long ago that was.
CREATE INDEX audit_event_retention ON audit_event (at_ms, id) WHERE action = 'audit.retention';

-- A writer keeps its kind, but for the one whose rows are adopted once: who could set it back would have rows adopted
-- that somebody put in.
DROP TRIGGER audit_writer_forward;
CREATE TRIGGER audit_writer_forward BEFORE UPDATE ON audit_writer
WHEN NEW.writer <> OLD.writer OR NEW.sequence < OLD.sequence OR NEW.removed_sequence < OLD.removed_sequence
  OR NEW.removed_sequence > NEW.sequence
  OR (NEW.kind <> OLD.kind AND NOT (OLD.kind = 'adopting' AND NEW.kind = 'adopted'))
BEGIN
  SELECT RAISE(ABORT, 'a writer of the audit does not go back');
END;
