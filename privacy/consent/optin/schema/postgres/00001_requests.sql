-- +goose Up
-- What people are asked by mail, until some time after the link has run out. The row is what is to be sent as well: next_at is when,
-- and NULL once it was sent or never will be. No address and no link can be read from it. Moments are microseconds since 1970.
CREATE TABLE consent_requests (
  id uuid PRIMARY KEY,
  token_hash bytea NOT NULL UNIQUE,
  subject_id uuid NOT NULL,
  purpose text NOT NULL,
  bit int NOT NULL,
  notice_hash text NOT NULL,
  language text NOT NULL,
  own boolean NOT NULL,
  address bytea,
  consent_until bigint,
  created_at bigint NOT NULL,
  link_until bigint NOT NULL,
  used_at bigint,
  sent_at bigint,
  attempts int NOT NULL,
  next_at bigint
);
CREATE INDEX consent_requests_by_person ON consent_requests (subject_id, created_at);
CREATE INDEX consent_requests_to_send ON consent_requests (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX consent_requests_by_end ON consent_requests (link_until);
