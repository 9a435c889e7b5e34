-- Links by which somebody becomes an administrator, or an administrator is let in again: one for each person, and
-- one (whose is empty) for somebody new. A newer one takes the place of the older. only_first: counts while there
-- is no administrator of all organizations.
CREATE TABLE administrator_link (
  whose TEXT NOT NULL PRIMARY KEY,
  link_hash BYTEA NOT NULL UNIQUE,
  only_first BOOLEAN NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX administrator_link_expires ON administrator_link (expires_ms);
