#!/usr/bin/env bash
# Events per second through receive_stripe_webhook on a durable server, compared with a floor that is measured in the
# same run: a bare INSERT of the same event into a copy of webhook_events with its indexes. Other machines have other
# rates, but similar ratios.
#   BENCH_EVENTS   events per measurement (6000)     BENCH_ROUNDS   floor and path in turn; the best of them counts (3)
#   BENCH_SCALE    1 stands for a million payments and five million events that are already there (0.1)
#   BENCH_OBJECTS  objects of the backfill (100000)
#   BENCH_ONLY     one of: empty mixed million backfill sessions fulfillment peers steady
#   BENCH_MINUTES  of steady load (bench/steady.sh)
#   BASE           an earlier commit that takes turns with this build in the comparison with peers (bench/peers.sh)
if [ -z "${SERVER_DATA:-}" ]; then
  quarter=$(awk '/^MemTotal/ { printf "%dMB", $2 / 4096 }' /proc/meminfo) # a quarter of the memory, as is usual for a server
  export SERVER_SETTINGS="fsync=on synchronous_commit=on shared_buffers=$quarter max_wal_size=8GB checkpoint_timeout=30min autovacuum_naptime=10s"
  scripts=$(dirname "$0")/../scripts
  if [ -n "${BASE:-}" ]; then
    trap '"$scripts/install-base.sh" --remove' EXIT
    "$scripts/install-base.sh" "$BASE" || exit
  fi
  "$scripts/with-server.sh" "$0" "$@"
  exit
fi
. "$(dirname "$0")/database.sh"
events=${BENCH_EVENTS:-6000} rounds=${BENCH_ROUNDS:-3} scale=${BENCH_SCALE:-0.1} objects=${BENCH_OBJECTS:-100000}

# rate SCRIPT CLIENTS BASE: prints the transactions per second of one run of pgbench over the next events.
rate() {
  pgbench -n -M prepared -c "$2" -j 2 -t $((events / $2)) -D "base=$3" -D "share=$((events / $2))" -D i=0 \
    -f "$here/$1.pgbench" bench 2> "$work/pgbench.err" > "$work/pgbench.out" || {
    cat "$work/pgbench.err" >&2
    fail "pgbench failed"
  }
  sed -nE 's/^tps = ([0-9]+).*/\1/p' "$work/pgbench.out"
}

declare -A empty
families='all families, empty database'

# compare TITLE CLIENTS…: measures floor and path in turn, with events that no run has used before. Also compares the path with
# its own rate on an empty database, if that was measured.
compare() {
  local title=$1 clients base=0 floor path best_floor best_path
  shift
  for clients in "$@"; do
    best_floor=0 best_path=0
    for _ in $(seq "$rounds"); do
      sql -c 'truncate bench.floor' -c "select bench.sign($base, $((base + events)))" >/dev/null
      floor=$(rate floor "$clients" "$base")
      path=$(rate receive "$clients" "$base")
      base=$((base + events))
      [ "$floor" -le "$best_floor" ] || best_floor=$floor
      [ "$path" -le "$best_path" ] || best_path=$path
    done
    awk -v t="$title" -v c="$clients" -v f="$best_floor" -v p="$best_path" \
      'BEGIN { printf "%-34s %d clients  floor %6d/s  receive %6d/s  ratio %.2f", t, c, f, p, p / f }'
    if [ "$title" = "$families" ]; then
      empty[$clients]=$best_path
    elif [ -n "${empty[$clients]:-}" ]; then
      awk -v p="$best_path" -v e="${empty[$clients]}" 'BEGIN { printf "  %.2f of the empty database", p / e }'
    fi
    echo
  done
  local unhandled
  unhandled=$(sql -c "select count(*) from payments.webhook_events where processing_status in ('pending', 'failed')")
  [ "$unhandled" = 0 ] || fail "$unhandled events failed: $(sql -c "select last_error from payments.webhook_events where processing_status = 'failed' limit 1")"
}

if wanted empty; then
  new_database
  sql -c "select bench.fill('payments', $((events * rounds * 3)))" >/dev/null
  compare 'one-time payments, empty database' 1 2 8
fi

if wanted mixed || wanted million; then
  new_database
  sql -c "select bench.fill('mixed', $((events * rounds * 2)))" >/dev/null
  compare "$families" 1 8
fi

if wanted million; then
  new_database
  sql -c "select bench.fill('mixed', $((events * rounds * 2)))" >/dev/null
  say "making $(awk -v s="$scale" 'BEGIN { printf "%d payments and %d events", s * 1e6, s * 5e6 }')"
  sql -v scale="$scale" -f "$here/history.sql" >/dev/null
  compare "all families, $(awk -v s="$scale" 'BEGIN { printf "%dk rows", s * 1000 }') there" 1 8
fi

if wanted backfill; then
  new_database
  sql -v objects="$objects" -f "$here/backfill.sql"
fi

for wing in sessions fulfillment peers steady; do
  if wanted "$wing" && [ -x "$here/$wing.sh" ]; then "$here/$wing.sh"; fi
done
