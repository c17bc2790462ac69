-- +goose Up
CREATE TABLE keyring_keks (
  version bigint PRIMARY KEY,
  wrapped bytea NOT NULL,
  root text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE TABLE keyring_indexes (
  version bigint PRIMARY KEY,
  kek_version bigint NOT NULL REFERENCES keyring_keks (version),
  wrapped bytea NOT NULL,
  created_at timestamptz NOT NULL
);
-- A destroyed key leaves its row: nobody makes the person a new one.
CREATE TABLE keyring_keys (
  subject_id uuid PRIMARY KEY,
  kek_version bigint REFERENCES keyring_keks (version),
  wrapped bytea,
  created_at timestamptz NOT NULL,
  destroyed_at timestamptz,
  CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
  CHECK ((kek_version IS NULL) = (destroyed_at IS NOT NULL))
);
CREATE INDEX keyring_keys_by_version ON keyring_keys (kek_version, subject_id);
CREATE INDEX keyring_keys_by_destruction ON keyring_keys (destroyed_at) WHERE destroyed_at IS NOT NULL;
CREATE TABLE keyring_jobs (
  name text PRIMARY KEY,
  place text NOT NULL,
  done bigint NOT NULL
);
