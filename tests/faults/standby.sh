#!/usr/bin/env bash
# standby.sh make|promote|remove HOME: manages a standby of the throw-away server, whose data and socket are in HOME.
. "$(dirname "$0")/../../scripts/project.sh"
verb=$1 home=$2
bin=$(postgres_bin)
case $verb in
  make)
    [ "$(id -u)" != 0 ] || chown postgres "$home"
    chmod 755 "$home"
    as_postgres "$bin/pg_basebackup" -D "$home/data" -R -X stream -c fast -d "host=$PGHOST port=$PGPORT user=postgres application_name=standby"
    echo "unix_socket_directories = '$home'" | as_postgres tee -a "$home/data/postgresql.conf" >/dev/null
    as_postgres "$bin/pg_ctl" -D "$home/data" -l "$home/log" -w -t 60 start >/dev/null
    ;;
  promote) as_postgres "$bin/pg_ctl" -D "$home/data" -w -t 60 promote >/dev/null ;;
  remove)
    as_postgres "$bin/pg_ctl" -D "$home/data" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf "$home"
    ;;
esac
