#!/usr/bin/env bash
# Whether anything grows: minutes of one-time payments over the same eight connections, in turn with the floor over eight of its
# own, with autovacuum as a server has it. Prints memory of the backends, p99 at the beginning and at the end, and how the tables
# that the load writes have kept.
#   BENCH_MINUTES  of load for each of the two (1; 10 or more tell something)
. "$(dirname "$0")/database.sh"
export BENCH_MINUTES=${BENCH_MINUTES:-1}

new_database
sql -c 'create extension pgstattuple' -f "$here/peers/orders.sql"
node "$here/peers/steady.mjs"
sql -d postgres -c 'drop database bench'
