#!/bin/sh
# One database for the gateway and one for Kratos, each with a role that owns nothing else. Runs once, when the volume is new.
set -eu
for name in cloakroom kratos; do
	# The passwords are letters and digits: deploy/secrets.sh made them.
	password=$(cat "/run/secrets/${name}_password")
	psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres <<-SQL
		CREATE ROLE $name LOGIN PASSWORD '$password';
		CREATE DATABASE $name OWNER $name;
		REVOKE ALL ON DATABASE $name FROM PUBLIC;
	SQL
done
