-- Whoever administers one organization reads its rows; what somebody did, and what was done to somebody.
CREATE INDEX audit_event_organization ON audit_event (organization, at_ms);
CREATE INDEX audit_event_subject ON audit_event (subject, at_ms);
