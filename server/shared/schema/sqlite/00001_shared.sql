-- +goose Up
CREATE TABLE shared_documents (
  id TEXT PRIMARY KEY,
  text TEXT NOT NULL,
  purpose TEXT NOT NULL,
  name TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  mac BLOB NOT NULL
);
-- How often the documents have changed. Whoever keeps them compares it.
CREATE TABLE shared_changes (
  what TEXT PRIMARY KEY,
  version INTEGER NOT NULL
);
-- Mutations that were carried out, by HMACs of who asked and of the key they sent; and the opaque id of what came of it.
CREATE TABLE shared_once (
  key BLOB NOT NULL,
  field TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  result TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (key, field)
);
CREATE INDEX shared_once_by_end ON shared_once (until);
-- What viewers were told in aggregates, sealed.
CREATE TABLE shared_told (
  viewer BLOB PRIMARY KEY,
  version INTEGER NOT NULL,
  sealed BLOB NOT NULL,
  until INTEGER NOT NULL
);
CREATE INDEX shared_told_by_end ON shared_told (until);
