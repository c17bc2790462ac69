-- +goose Up
CREATE TABLE keyring_erasures (
  subject_id TEXT PRIMARY KEY,
  at TIMESTAMP NOT NULL,
  reason TEXT NOT NULL
) WITHOUT ROWID;
-- +goose StatementBegin
CREATE TRIGGER keyring_erasures_no_update BEFORE UPDATE ON keyring_erasures BEGIN SELECT RAISE(ABORT, 'keyring_erasures is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER keyring_erasures_no_delete BEFORE DELETE ON keyring_erasures BEGIN SELECT RAISE(ABORT, 'keyring_erasures is append-only'); END;
-- +goose StatementEnd
