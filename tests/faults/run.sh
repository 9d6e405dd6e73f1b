#!/usr/bin/env bash
# Kills, cancels, storms and poison, on a durable server whose sessions did not ask for durability; see faults.py.
if [ -z "${SERVER_DATA:-}" ]; then
  export SERVER_SETTINGS='fsync=on synchronous_commit=off wal_writer_delay=10s wal_writer_flush_after=1GB wal_buffers=64MB restart_after_crash=on shared_preload_libraries=pg_stat_statements'
  exec "$(dirname "$0")/../../scripts/with-server.sh" "$0" "$@"
fi
. "$(dirname "$0")/../database.sh"
fresh_database faults_unused
"$python" "$tests/faults/faults.py" "$@"
