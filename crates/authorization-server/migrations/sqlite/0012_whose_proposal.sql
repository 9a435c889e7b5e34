-- To whom a proposed app is shown, and when somebody signed in elsewhere.

-- The hash of the session or of the waiting sign-in that asked for the proposal: who else knows the password is never
-- shown it. Null once it is confirmed. One from before this column belongs to nobody and is proposed anew.
ALTER TABLE totp ADD COLUMN proposed_to BLOB;

-- When the person signed in at the organization's own OpenID Provider; null where the first step was given here.
ALTER TABLE pending_sign_in ADD COLUMN auth_time_ms BIGINT;
