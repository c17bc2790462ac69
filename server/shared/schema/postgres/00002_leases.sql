-- +goose Up
-- Which standbys gateways read from, and how long they may. Whoever withdraws consent waits for those.
CREATE TABLE shared_leases (
  gateway uuid NOT NULL,
  place int NOT NULL,
  standby text NOT NULL,
  beat bigint NOT NULL,
  renewed_at timestamptz NOT NULL,
  PRIMARY KEY (gateway, place)
);
