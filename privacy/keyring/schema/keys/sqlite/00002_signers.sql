-- +goose Up
-- The key that signs has its secret half wrapped. One that was retired has none any more: what is wrapped is its public half,
-- as the proof that it was ours.
CREATE TABLE keyring_signers (
  version INTEGER PRIMARY KEY,
  kek_version INTEGER NOT NULL REFERENCES keyring_keks (version),
  wrapped BLOB NOT NULL,
  created_at TIMESTAMP NOT NULL,
  retired_at TIMESTAMP
);
CREATE UNIQUE INDEX keyring_signers_one ON keyring_signers ((retired_at IS NULL)) WHERE retired_at IS NULL;
