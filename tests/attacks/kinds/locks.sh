#!/usr/bin/env bash
# A role that has only CONNECT holds every advisory lock that SQL can take on the numbers that events lock.
. "$(dirname "$0")/../attack.sh"
q -c "create role stranger login"
# The numbers that ordinary work locks, each as one bigint and as two integers, shared and exclusive.
cat > "$SCRATCH/work.sql" <<'S'
begin;
select public.customer('a');
select public.buy('b');
select payments.adjust_credits('user', 'ada', 5, 'k', 'x');
create temp table taken as select distinct classid::bigint as high, objid::bigint as low from pg_locks where locktype = 'advisory' and pid = pg_backend_pid();
rollback;
S
cat > "$SCRATCH/numbers.sql" <<'S'
select format('select count(%s(%s));', f.name, n.numbers)
  from taken t
 cross join (values ('pg_advisory_lock'), ('pg_advisory_lock_shared')) f(name)
 cross join lateral (values
   (format('(%s::bit(32) || %s::bit(32))::bit(64)::bigint', t.high, t.low)),
   (format('%s::bit(32)::int, %s::bit(32)::int', t.high, t.low)),
   (format('%s::bit(32)::int, %s::bit(32)::int', t.low, t.high))) n(numbers);
select format('select count(pg_advisory_lock(%s, slot)) from generate_series(0, 1023) slot;', kind) from generate_series(0, 3) kind;
select format('select count(pg_advisory_lock(%s, slot)) from generate_series(0, 1023) slot;', class) from unnest(array[20545, 20546]) class;
S
cat "$SCRATCH/work.sql" "$SCRATCH/numbers.sql" > "$SCRATCH/both.sql"
sed -i 's/^create temp table/create temp table/; s/^rollback;$//' "$SCRATCH/both.sql"
q -f "$SCRATCH/both.sql" | grep '^select count' > "$SCRATCH/squat.sql"
echo "$(wc -l < "$SCRATCH/squat.sql") statements of locks"
echo "select 'held'; select pg_sleep(60);" >> "$SCRATCH/squat.sql"
input=$SCRATCH/squat.sql q -U stranger > "$SCRATCH/squat.out" &
squatter=$!
for _ in $(seq 150); do grep -q held "$SCRATCH/squat.out" && break; sleep 0.1; done
grep ERROR "$SCRATCH/squat.out" | head -3

attack "the stranger holds no locks" is_true "select count(*) < 4000 from pg_locks where locktype = 'advisory'"
waits() { is_said timeout "$(q -c "set statement_timeout = '4s'" -c "$1")"; }
attack "an event waits for a stranger's advisory locks" waits "select public.customer('c')"
attack "a checkout's event waits for them" waits "select public.buy('d')"
attack "credits wait for them" waits "select payments.adjust_credits('user', 'ada', 5, 'k2', 'x')"
keyed() { is_said timeout "$(by "$mallory -c statement_timeout=4s" -c "select status from payments.create_checkout_session('test', 'payment', '[{\"price\": \"price_c\", \"quantity\": 1}]', 'https://a.example', 'https://a.example', 'user', 'mallory', idempotency_key => 'k')")"; }
attack "a checkout with an idempotency key waits for them" keyed
# An app's own trigger that takes such a lock with SQL waits, on any table.
q -c "create function public.lock() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock(0, 7); return new; end'" \
  -c "create trigger lock before insert on payments.customers for each row execute function public.lock()"
control "a lock of SQL's taken by an event" waits "select public.customer('e')"
q -c "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'stranger'" > /dev/null
wait "$squatter" || true
