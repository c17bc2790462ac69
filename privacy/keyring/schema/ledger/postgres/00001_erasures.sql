-- +goose Up
CREATE TABLE keyring_erasures (
  subject_id uuid PRIMARY KEY,
  at timestamptz NOT NULL,
  reason text NOT NULL
);
-- +goose StatementBegin
CREATE FUNCTION keyring_erasures_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'keyring_erasures is append-only'; END $$;
-- +goose StatementEnd
CREATE TRIGGER keyring_erasures_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON keyring_erasures
  FOR EACH STATEMENT EXECUTE FUNCTION keyring_erasures_append_only();
