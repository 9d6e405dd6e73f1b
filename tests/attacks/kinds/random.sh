#!/usr/bin/env bash
# Random queries and random calls as anon and as authenticated, for about half a minute each, end in nothing but ordinary errors: no
# internal error, no panic, no stack trace, no crash of the server. SEED repeats a run.
. "$(dirname "$0")/../attack.sh"
seed=${SEED:-$RANDOM}
echo "# SEED=$seed"
log=$RESULTS/random.log
q -c "alter system set log_line_prefix = '%e %r '" -c "alter system set log_error_verbosity = verbose" -c "select pg_reload_conf()" > /dev/null
started=$(q -c "select pg_postmaster_start_time()")
at=$(stat -c %s "$SERVER_LOG")
# since: what the server has logged since the last call.
since() {
  tail -c +"$((at + 1))" "$SERVER_LOG" > "$log"
  at=$(stat -c %s "$SERVER_LOG")
}
# odd: whether something is no ordinary error. The server's own functions have internal errors too, but ours mention a Rust file
# or our schema.
odd() {
  since
  grep -n -E 'panicked|stack backtrace|terminated by signal|PANIC|rust_panic' "$log" | head -5 | grep . && return
  grep -E '^XX' "$log" | grep -E '\.rs:|(ERROR|FATAL|CONTEXT|DETAIL):.*payments' | head -5 | grep . && return
  [ "$(q -c "select pg_postmaster_start_time()")" != "$started" ]
}
limits="-c statement_timeout=2s -c lock_timeout=500ms"
smith() {
  command -v sqlsmith > /dev/null || return 0
  timeout 18 sqlsmith --seed="$seed" --verbose --max-queries="${QUERIES:-3000}" \
    --target="host=$PGHOST port=$PGPORT dbname=$PGDATABASE user=authenticator options='$limits -c role=$1'" > "$RESULTS/sqlsmith.$1" 2>&1
  echo "# sqlsmith as $1: $(tail -c 300 "$RESULTS/sqlsmith.$1" | tr '\r\n' '  ' | tail -c 120)"
}
for role in anon authenticated; do
  smith "$role"
  attack "sqlsmith as $role meets something odd" odd
  "$root/target/python/bin/python" "$here/random_calls.py" "$role" "$seed" 12
  attack "random calls as $role meet something odd" odd
done
attack "random calls were refused before they began" is_true "select count(*) = 0 from pg_stat_database where datname = current_database() and xact_commit > 100"

# Odd errors must be noticed: one of the server with our schema in it, and one of ours that panics.
q -c "do \$\$ begin raise exception using errcode = 'XX000', message = 'payments: made up'; end \$\$" > /dev/null
control "an internal error" odd
q -c "do \$\$ begin raise exception using message = 'the library panicked at src/lib.rs'; end \$\$" > /dev/null
control "a panic" odd
