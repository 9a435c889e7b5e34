-- PostgreSQL keeps bodies apart from their rows: here nothing moves.
-- What a start walks to see whether all records are indexed.
CREATE INDEX record_current ON record (id) WHERE interaction <> 'delete';
