#!/usr/bin/env bash
# Compares payments with what one would write or install instead, all in one run and with the same stream of one-time
# payments: a hand-written handler in JavaScript, the same as a PL/pgSQL trigger, stripe-sync-engine from npm, and a
# bare INSERT.
#   BENCH_EVENTS  events of a turn (6000)   BENCH_ROUNDS  turns of each; the median counts (5)
#   BASE          an earlier build that takes turns with this one; bench/run.sh has installed it
# Each run adds its results to target/bench/peers.jsonl.
. "$(dirname "$0")/database.sh"
export BENCH_EVENTS=${BENCH_EVENTS:-6000} BENCH_ROUNDS=${BENCH_ROUNDS:-5} COMMIT BASE_COMMIT BASE=${BASE:-}
COMMIT=$(git -C "$root" rev-parse --short HEAD)
BASE_COMMIT=
[ -z "$BASE" ] || BASE_COMMIT=$(git -C "$root" rev-parse --short "$BASE^{commit}")

# Without fulfillment jobs, because none of the others queues a job for each payment.
prepare() {
  sql -d "$1" -f "$here/peers/orders.sql" -c "select payments.detach('fulfillment_jobs', 'fulfillment_jobs')" >/dev/null
}

# Autovacuum would run in the turn of one contender and not in that of another.
sql -d postgres -c 'alter system set autovacuum = off' -c 'select pg_reload_conf()' >/dev/null
new_database
sql -c 'create extension pg_walinspect' -v schema=hand -f "$here/peers/tables.sql"
sql -v schema=by_trigger -f "$here/peers/tables.sql" -f "$here/peers/triggers.sql"
prepare bench
if [ -n "$BASE" ]; then
  new_database bench_base base
  sql -d bench_base -c 'create extension pg_walinspect'
  prepare bench_base
fi

cat <<'TEXT'
Peers. What each does with an event: intent, charge and session of a payment, 3 kB each, as Stripe posts them.
  payments              verifies, stores event and facts, derives the payment, completes the local checkout session, maps the
                        customer to the buyer, pays the order after comparing amount, currency, owner and line items, and
                        records that decision
  payments, collected   the same, but what waits is passed on in one call, as payments-bridge does
  hand-written handler  verifies with stripe-node, one transaction: stores the event once, upserts the payment, pays the order
  PL/pgSQL trigger      verifies with stripe-node, then the same by a trigger of the event's INSERT
  stripe-sync-engine    verifies, upserts the object; stores no event, pays no order; intents and charges only, because of a
                        session it asks Stripe's API; compared once more with payments under intents and charges alone
  floor                 inserts the event, unverified, into a copy of payments.webhook_events
TEXT
mkdir -p "$root/target/bench"
node "$here/peers/peers.mjs" "$root/target/bench/peers.jsonl"
for database in bench bench_base; do
  sql -d postgres -c 'set client_min_messages = error' -c "drop database if exists $database"
done
sql -d postgres -c 'alter system reset autovacuum' -c 'select pg_reload_conf()' >/dev/null
