-- +goose Up
-- What people are asked by mail, until some time after the link has run out. The row is what is to be sent as well: next_at is when,
-- and NULL once it was sent or never will be. No address and no link can be read from it. Moments are microseconds since 1970.
CREATE TABLE consent_requests (
  id TEXT PRIMARY KEY,
  token_hash BLOB NOT NULL UNIQUE,
  subject_id TEXT NOT NULL,
  purpose TEXT NOT NULL,
  bit INTEGER NOT NULL,
  notice_hash TEXT NOT NULL,
  language TEXT NOT NULL,
  own BOOLEAN NOT NULL,
  address BLOB,
  consent_until INTEGER,
  created_at INTEGER NOT NULL,
  link_until INTEGER NOT NULL,
  used_at INTEGER,
  sent_at INTEGER,
  attempts INTEGER NOT NULL,
  next_at INTEGER
);
CREATE INDEX consent_requests_by_person ON consent_requests (subject_id, created_at);
CREATE INDEX consent_requests_to_send ON consent_requests (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX consent_requests_by_end ON consent_requests (link_until);
