-- Facilities within an organization that a client, a person or a self-registered client is limited to.

-- A list in JSON, of NPIs or other identifiers; null is no limit, which is what registrations had until now.
ALTER TABLE client ADD COLUMN facilities TEXT;
ALTER TABLE resource_owner ADD COLUMN facilities TEXT;
ALTER TABLE initial_access_token ADD COLUMN facilities TEXT;
