#!/usr/bin/env bash
# The cost of giving: for one event, and for 100,000 payments in one UPDATE, compared with hand-written triggers for the same
# three tables; and a scan of a million rows under a paywall, compared with a hand-written join. Prints 'name … ratio' lines.
# A ratio above 1 means that payments is faster. PGHOST, PGPORT and PGUSER name the server; PAYMENTS sets the size.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
payments=${PAYMENTS:-100000}
events=${EVENTS:-5000}
rows=${ROWS:-1000000}
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Milliseconds of one statement, which is rolled back.
millis() {
  sql -d "$1" -c '\timing on' -c 'begin' -c "$2" -c 'rollback' | sed -nE 's/^Time: ([0-9.]+) ms.*/\1/p' | sort -n | tail -1
}
ratio() { awk -v hand="$1" -v ours="$2" 'BEGIN { printf "%.2f", hand / ours }'; }

for db in bench_none bench_hand bench_ours; do
  sql -d postgres -c "drop database if exists $db" -c "create database $db"
  sql -d $db -c 'create extension payments' -c 'select payments.create_app_tables()' > /dev/null
  sql -d $db -c "select payments.detach('fulfillment_jobs', 'fulfillment_jobs')" > /dev/null
  [ $db = bench_ours ] || sql -d $db -c "select payments.detach_by_name(kind, relation) from payments.attachments" > /dev/null
  sql -d $db -v payments="$payments" -f "$here/fulfillment.sql"
done
sql -d bench_hand -f "$here/fulfillment_by_hand.sql"

# One client, one transaction for each event: the microseconds that the triggers add to a bare UPDATE of the payment.
cat > "$work/event.sql" <<SQL
\set n random(1, $payments)
update payments.payment_history set status = 'succeeded' where id = md5('payment ' || :n)::uuid and status = 'pending';
SQL
declare -A each
for db in bench_none bench_hand bench_ours; do
  sql -d $db -c "alter database $db set synchronous_commit = off" -c checkpoint
  best=
  for _ in 1 2 3; do
    got=$(pgbench -n -M prepared -c 1 -t "$events" -f "$work/event.sql" -d $db 2>/dev/null | sed -nE 's/^latency average = ([0-9.]+) ms/\1/p')
    best=$(printf '%s\n' $best "$got" | sort -n | head -1)
  done
  each[$db]=$best
done
hand=$(awk -v a="${each[bench_hand]}" -v b="${each[bench_none]}" 'BEGIN { print (a - b) * 1000 }')
ours=$(awk -v a="${each[bench_ours]}" -v b="${each[bench_none]}" 'BEGIN { print (a - b) * 1000 }')
printf 'fulfillment per event: payments %.0f µs, by hand %.0f µs, ratio %s\n' "$ours" "$hand" "$(ratio "$hand" "$ours")"

declare -A bulk
for db in bench_none bench_hand bench_ours; do
  sql -d $db -c 'vacuum analyze'
  bulk[$db]=$(millis $db "update payments.payment_history set status = 'succeeded' where status = 'pending'")
done
printf 'fulfillment of %s payments in one update: payments %.0f ms, by hand %.0f ms, no triggers %.0f ms, ratio %s\n' "$payments" \
  "${bulk[bench_ours]}" "${bulk[bench_hand]}" "${bulk[bench_none]}" "$(ratio "${bulk[bench_hand]}" "${bulk[bench_ours]}")"

# A million rows, of which the caller has bought one in a hundred.
sql -d bench_ours > /dev/null <<SQL
create table articles (id bigserial, course text, body text);
insert into articles (course, body) select 'course_' || n % 100, repeat('x', 100) from generate_series(1, $rows) n;
create table articles_by_hand as table articles;
insert into user_entitlements (user_id, key, source) values ('reader', 'course_7', 'bench');
alter table articles enable row level security;
alter table articles_by_hand enable row level security;
create policy bought on articles using (course in (select payments.my_entitlements()));
create policy bought on articles_by_hand using (exists (
  select from user_entitlements e where e.key = course and e.active and (e.expires_at is null or e.expires_at > now())
     and e.user_id = (select nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub')));
create role bench_reader;
select payments.grant_role('bench_reader', 'member');
select payments.create_app_tables();
grant select on articles, articles_by_hand to bench_reader;
vacuum analyze articles;
vacuum analyze articles_by_hand;
analyze user_entitlements;
SQL
scan() {
  sql -d bench_ours -c '\timing on' -c 'begin' -c "select set_config('request.jwt.claims', '{\"sub\": \"reader\"}', true)" \
    -c 'set local role bench_reader' -c "select count(*) from $1" -c "select count(*) from $1" -c "select count(*) from $1" -c 'rollback' |
    sed -nE 's/^Time: ([0-9.]+) ms.*/\1/p' | sed -n '4,6p' | sort -n | head -1
}
hand=$(scan articles_by_hand)
ours=$(scan articles)
printf 'paywall over %s rows: payments %.0f ms, by hand %.0f ms, ratio %s\n' "$rows" "$ours" "$hand" "$(ratio "$hand" "$ours")"
for db in bench_none bench_hand bench_ours; do sql -d postgres -c "drop database $db"; done
sql -d postgres -c 'drop role bench_reader'
