-- What a person is shown of a session: the kind of browser (never its whole User-Agent) and the address it
-- was begun from.
ALTER TABLE session ADD COLUMN browser TEXT;
ALTER TABLE session ADD COLUMN source_address TEXT;
