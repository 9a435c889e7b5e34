-- What a person is shown of a session: the kind of browser (never its whole User-Agent) and the address it
-- was begun from.
ALTER TABLE session ADD COLUMN browser TEXT;
ALTER TABLE session ADD COLUMN source_address TEXT;

-- max_age of an authorization request in seconds, and whom it expects (OpenID Connect Core section 3.1.2.1).
ALTER TABLE authorization_request ADD COLUMN max_age_s BIGINT;
ALTER TABLE authorization_request ADD COLUMN login_hint TEXT;
ALTER TABLE pushed_authorization_request ADD COLUMN max_age_s BIGINT;
ALTER TABLE pushed_authorization_request ADD COLUMN login_hint TEXT;
