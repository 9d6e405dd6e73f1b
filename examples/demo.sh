#!/usr/bin/env bash
# A day of a small shop; see demo.sql. Needs a server of scripts/with-server.sh.
. "$(dirname "$0")/../scripts/project.sh"
psql -X -q -d postgres -f "$root/tests/roles.sql" -c 'create database shop'
psql -X -q -v ON_ERROR_STOP=1 -d shop -f "$root/examples/demo.sql"
