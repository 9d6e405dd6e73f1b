#!/usr/bin/env bash
# bench/sessions.sh: an INSERT of a session, and a SELECT over a million sessions, under our policies and guard, compared
# with the same under a hand-written policy. Needs a server at PGHOST and PGPORT, and creates its own database. SECONDS_EACH,
# CLIENTS. The two sides take turns, so that other load on the machine affects both.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")/sessions
psql=${PSQL:-psql} pgbench=${PGBENCH:-pgbench}
seconds=${SECONDS_EACH:-5} rounds=${ROUNDS:-3} clients=${CLIENTS:-2}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
database=payments_bench_sessions
need=0.8

"$psql" -X -q -d postgres -c "set client_min_messages = error" -c "drop database if exists $database" -c "create database $database"
"$psql" -X -q -d postgres -c "do \$\$ begin if to_regrole('authenticated') is null then create role authenticated nologin; end if; end \$\$"
"$psql" -X -q -v ON_ERROR_STOP=1 -d "$database" -c 'create extension payments' -f "$here/setup.sql" >/dev/null

tps() {
  "$pgbench" -n -M prepared -f "$1" -T "$seconds" -c "$2" -j 2 -d "$database" >"$scratch/pgbench" 2>&1 || {
    cat "$scratch/pgbench" >&2
    return 1
  }
  sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$scratch/pgbench"
}

# compare WHAT CLIENTS: prints the medians of both sides, and their ratio.
compare() {
  local ours=() theirs=()
  for _ in $(seq "$rounds"); do
    ours+=("$(tps "$here/$1-payments.sql" "$2")")
    theirs+=("$(tps "$here/$1-peer.sql" "$2")")
  done
  printf '%s\n' "${ours[@]}" | sort -n | sed -n "$(((rounds + 1) / 2))p" >"$scratch/ours"
  printf '%s\n' "${theirs[@]}" | sort -n | sed -n "$(((rounds + 1) / 2))p" >"$scratch/theirs"
  awk -v ours="$(cat "$scratch/ours")" -v theirs="$(cat "$scratch/theirs")" -v what="session $1" -v need=$need 'BEGIN {
    printf "%-16s ours %.1f/s, hand-written %.1f/s, ratio %.2f (needs %.2f) %s\n", what, ours, theirs, ours / theirs, need,
           (ours / theirs >= need ? "ok" : "TOO SLOW"); exit (ours / theirs < need) }' || failed=1
  rm -f "$scratch/ours" "$scratch/theirs"
}

failed=0
compare insert "$clients"
compare select 1
"$psql" -X -q -d postgres -c "drop database $database"
exit $failed
