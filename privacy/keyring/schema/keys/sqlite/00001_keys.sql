-- +goose Up
CREATE TABLE keyring_keks (
  version INTEGER PRIMARY KEY,
  wrapped BLOB NOT NULL,
  root TEXT NOT NULL,
  created_at TIMESTAMP NOT NULL
);
CREATE TABLE keyring_indexes (
  version INTEGER PRIMARY KEY,
  kek_version INTEGER NOT NULL REFERENCES keyring_keks (version),
  wrapped BLOB NOT NULL,
  created_at TIMESTAMP NOT NULL
);
-- A destroyed key leaves its row: nobody makes the person a new one.
CREATE TABLE keyring_keys (
  subject_id TEXT PRIMARY KEY,
  kek_version INTEGER REFERENCES keyring_keks (version),
  wrapped BLOB,
  created_at TIMESTAMP NOT NULL,
  destroyed_at TIMESTAMP,
  CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
  CHECK ((kek_version IS NULL) = (destroyed_at IS NOT NULL))
) WITHOUT ROWID;
CREATE INDEX keyring_keys_by_version ON keyring_keys (kek_version, subject_id);
CREATE INDEX keyring_keys_by_destruction ON keyring_keys (destroyed_at) WHERE destroyed_at IS NOT NULL;
CREATE TABLE keyring_jobs (
  name TEXT PRIMARY KEY,
  place TEXT NOT NULL,
  done INTEGER NOT NULL
);
