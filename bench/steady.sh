#!/usr/bin/env bash
# Whether anything grows under load: minutes of one-time payments over the same eight connections, in turn with the floor over
# eight others, with autovacuum on as usual. Prints the memory of the backends, p99 at the beginning and at the end, and the dead
# rows and free space of the tables that the load writes.
#   BENCH_MINUTES  of load for each of the two (1; use 10 or more for a useful result)
. "$(dirname "$0")/database.sh"
export BENCH_MINUTES=${BENCH_MINUTES:-1}

new_database
sql -c 'create extension pgstattuple' -f "$here/peers/orders.sql"
node "$here/peers/steady.mjs"
sql -d postgres -c 'drop database bench'
