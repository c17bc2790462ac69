#!/bin/sh
# Makes up the secrets that compose.yaml mounts as files, each once: what is there stays as it is. The directory is closed to
# other users of this machine; the files in it are not, because the users inside the containers have to read them.
set -eu
cd "$(dirname "$0")"
umask 022
mkdir -p secrets
chmod 700 secrets
cd secrets

once() { # NAME: takes its content from standard input unless there is one
	[ -e "$1" ] || { cat >"$1.new" && mv "$1.new" "$1"; }
}
random() { # 32 letters and digits, so that they need no escape in a URL
	LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | dd bs=1 count=32 2>/dev/null
}

for name in postgres_password cloakroom_password kratos_password redis_password; do
	random | once "$name"
done
printf 'postgres://cloakroom:%s@postgres:5432/cloakroom?sslmode=disable' "$(cat cloakroom_password)" | once database_url
printf 'redis://:%s@redis:6379/0' "$(cat redis_password)" | once redis_url
printf 'requirepass %s\nsave ""\nappendonly no\nmaxmemory 256mb\nmaxmemory-policy volatile-ttl\n' "$(cat redis_password)" | once redis_conf
once kratos_secrets.yaml <<TEXT
dsn: postgres://kratos:$(cat kratos_password)@postgres:5432/kratos?sslmode=disable
secrets:
  cookie: ["$(random)"]
  cipher: ["$(random)"]
courier:
  smtp:
    connection_uri: smtp://mail:1025/?disable_starttls=true
    from_address: cloakroom@example.com
TEXT
echo "deploy/secrets is complete. Keep it: without it the data is lost."
