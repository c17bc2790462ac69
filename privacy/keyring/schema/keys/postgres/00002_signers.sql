-- +goose Up
-- The key that signs has its secret half wrapped. One that was retired has none any more: what is wrapped is its public half,
-- as the proof that it was ours.
CREATE TABLE keyring_signers (
  version bigint PRIMARY KEY,
  kek_version bigint NOT NULL REFERENCES keyring_keks (version),
  wrapped bytea NOT NULL,
  created_at timestamptz NOT NULL,
  retired_at timestamptz
);
CREATE UNIQUE INDEX keyring_signers_one ON keyring_signers ((retired_at IS NULL)) WHERE retired_at IS NULL;
