-- +goose Up
CREATE TABLE shared_documents (
  id text PRIMARY KEY,
  text text NOT NULL,
  purpose text NOT NULL,
  name text NOT NULL,
  added_at bigint NOT NULL,
  mac bytea NOT NULL
);
-- How often the documents have changed. Whoever keeps them compares it.
CREATE TABLE shared_changes (
  what text PRIMARY KEY,
  version bigint NOT NULL
);
-- Mutations that were carried out, by HMACs of who asked and of the key they sent; and the opaque id of what came of it.
CREATE TABLE shared_once (
  key bytea NOT NULL,
  field text NOT NULL,
  fingerprint bytea NOT NULL,
  result uuid NOT NULL,
  until bigint NOT NULL,
  PRIMARY KEY (key, field)
);
CREATE INDEX shared_once_by_end ON shared_once (until);
-- What viewers were told in aggregates, sealed.
CREATE TABLE shared_told (
  viewer bytea PRIMARY KEY,
  version bigint NOT NULL,
  sealed bytea NOT NULL,
  until bigint NOT NULL
);
CREATE INDEX shared_told_by_end ON shared_told (until);
