#!/usr/bin/env bash
# with-server.sh COMMAND…: runs a command with a throw-away server, which is always stopped and removed afterwards. The
# command finds it by PGHOST, PGPORT and PGUSER (superuser postgres). SERVER_SETTINGS adds settings, for example
# 'fsync=on max_connections=200'. SERVER_DATA is the server's data directory.
. "$(dirname "$0")/project.sh"

home=$(mktemp -d "${TMPDIR:-/tmp}/payments-server.XXXXXX")
data=$home/data
bin=$(postgres_bin)
mkdir "$home/socket"
[ "$(id -u)" != 0 ] || chown -R postgres "$home"
chmod 755 "$home"

stop() {
  as_postgres "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$home"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

as_postgres "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
{
  echo "listen_addresses = ''"
  echo "unix_socket_directories = '$home/socket'"
  echo "fsync = off"
  echo "max_connections = 200"
  for setting in ${SERVER_SETTINGS:-}; do echo "${setting%%=*} = '${setting#*=}'"; done
} | as_postgres tee -a "$data/postgresql.conf" >/dev/null
as_postgres "$bin/pg_ctl" -D "$data" -l "$home/log" -w start >/dev/null || {
  cat "$home/log" >&2
  fail "the throw-away server did not start"
}

export PGHOST=$home/socket PGPORT=5432 PGUSER=postgres PGDATABASE=postgres SERVER_DATA=$data SERVER_LOG=$home/log
unset PGPASSWORD PGSERVICE PGOPTIONS PGAPPNAME
export PATH=$bin:$PATH
"$@"
