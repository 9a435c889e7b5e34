CREATE TABLE record_search (
  reader TEXT COLLATE "C" NOT NULL,
  record_id TEXT COLLATE "C" NOT NULL,
  jurisdiction TEXT COLLATE "C" NOT NULL,
  record_type TEXT NOT NULL,
  facility TEXT,
  bundle_type TEXT NOT NULL,
  composition_type TEXT,
  event_year BIGINT,
  last_updated_ms BIGINT NOT NULL,
  date_start_ms BIGINT NOT NULL,
  date_end_ms BIGINT NOT NULL,
  indexed_as TEXT NOT NULL,
  PRIMARY KEY (reader, record_id)
);
CREATE INDEX record_search_updated ON record_search (reader, last_updated_ms, record_id);
CREATE INDEX record_search_jurisdiction ON record_search (reader, jurisdiction, last_updated_ms, record_id);
CREATE INDEX record_search_date ON record_search (reader, date_start_ms, record_id);
CREATE INDEX record_search_record ON record_search (record_id);
CREATE TABLE record_term (
  term BYTEA NOT NULL,
  record_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (term, record_id)
);
CREATE INDEX record_term_record ON record_term (record_id);
