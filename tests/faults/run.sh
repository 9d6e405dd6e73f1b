#!/usr/bin/env bash
# Kills, cancels, storms and poison, on a durable server whose sessions do not ask for durability; see faults.py.
. "$(dirname "$0")/../../scripts/project.sh"
if [ -z "${SERVER_DATA:-}" ]; then
  SERVER_SETTINGS='fsync=on synchronous_commit=off wal_writer_delay=10s wal_writer_flush_after=1GB wal_buffers=64MB restart_after_crash=on'
  [ ! -e "$("$PG_CONFIG" --pkglibdir)/pg_stat_statements.so" ] || SERVER_SETTINGS+=' shared_preload_libraries=pg_stat_statements'
  export SERVER_SETTINGS
  exec "$root/scripts/with-server.sh" "$0" "$@"
fi
. "$root/tests/database.sh"
fresh_database faults_unused
"$python" "$tests/faults/faults.py" "$@"
