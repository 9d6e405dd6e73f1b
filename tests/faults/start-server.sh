#!/usr/bin/env bash
# Starts the throw-away server of with-server.sh again after a crash.
. "$(dirname "$0")/../../scripts/project.sh"
as_postgres "$(postgres_bin)/pg_ctl" -D "$SERVER_DATA" -l "$SERVER_LOG" -w -t 120 start >/dev/null
