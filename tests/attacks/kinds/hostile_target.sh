#!/usr/bin/env bash
# The owner of an attached table is no admin. A trigger of this owner does what could stop an event. The fulfillment fails or
# succeeds; the payment is stored, and the credits are given.
. "$(dirname "$0")/../attack.sh"
cat > "$SCRATCH/target.sql" <<'S'
create role owner;
set role project_admin;
select payments.detach('orders', 'public.orders');
reset role;
create table public.purchases (id text primary key, user_id text, status text default 'pending', amount bigint, currency text);
alter table public.purchases owner to owner;
grant create on schema public to owner;
select payments.attach('orders', 'public.purchases');
create table public.money (id text);
set role owner;
create function public.hostile() returns trigger language plpgsql as 'begin return new; end';
create trigger hostile before update on public.purchases for each row execute function public.hostile();
S
q -f "$SCRATCH/target.sql"
n=0
# lost BODY: whether the event is not stored, or gives no credits, when the trigger runs this.
lost() {
  n=$((n + 1))
  q -c "set role owner" -c "create or replace function public.hostile() returns trigger language plpgsql as \$f\$ begin $1; return new; end \$f\$" > /dev/null
  q -c "insert into public.purchases (id, user_id, amount, currency) values ('o$n', 'ada', 100, 'usd')"
  q -c "set statement_timeout = '60s'" -c "select public.buy('h$n', 'o$n')" | tail -n 1 > "$SCRATCH/answer"
  state=$(q -c "select f.state || ' ' || coalesce(f.reason, '') from payments.fulfillments f join payments.checkout_sessions s on f.source = 'checkout:' || s.id
                 where s.stripe_checkout_session_id = 'cs_h$n' and f.kind = 'orders'")
  echo "# $(cat "$SCRATCH/answer"), order: $state"
  ! is_true "select (select count(*) from payments.webhook_events where stripe_event_id = 'evt_h$n' and processing_status = 'processed') = 1
                and (select count(*) from payments.payment_history where stripe_payment_intent_id = 'pi_h$n') = 1
                and (select sum(delta) from public.credit_ledger where subject_id = 'ada') = $n"
}
# unfailed: whether the last fulfillment is in another state than failed.
unfailed() { [[ $state != failed* ]]; }
# naive: whether the payment is lost if an app stores it and updates the order in one transaction by itself.
naive() {
  q -c "set role owner" -c "create or replace function public.hostile() returns trigger language plpgsql as \$f\$ begin $1; return new; end \$f\$" > /dev/null
  q -c "truncate public.money" -c "set statement_timeout = '60s'" -c "begin; insert into public.money values ('1'); update public.purchases set status = 'paid'; commit" > /dev/null
  is_true "select count(*) = 0 from public.money"
}
# raising NAME BODY: a trigger that must make the fulfillment fail, with its control.
raising() {
  attack "$1: money is lost" lost "$2"
  attack "$1: the fulfillment is not failed" unfailed
  control "$1: stops an app's own transaction" naive "$2"
}
raising "an error" "raise exception 'no'"
raising "our own signal" "raise exception using errcode = '55P03', message = 'this needs the whole projection to itself'"
raising "our own signal with its name" "raise exception 'payments: this needs the whole projection to itself'"
for code in 40001 40P01 53200 53100 57014 57P01 XX000 25006; do
  raising "code $code" "raise exception using errcode = '$code', message = 'made up'"
  raising "code $code with all words" "raise exception using errcode = '$code', message = 'deadlock detected', detail = 'd', hint = 'payments: h', table = 'fact_links', schema = 'payments'"
done
raising "a lock table that is full" "perform pg_advisory_xact_lock(g) from generate_series(1, 300000) g"
raising "a cancel of its own backend" "perform pg_cancel_backend(pg_backend_pid()); perform pg_sleep(0.2)"
raising "a termination of its own backend" "perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(0.2)"
raising "an endless recursion" "update public.purchases set status = 'x'"
raising "a temporary table" "create temp table t (); raise exception 'no'"
raising "no row" "raise no_data_found"

# These succeed or fail, but affect nothing else.
quiet() { attack "$1: money is lost" lost "$2"; }
quiet "LISTEN" "execute 'listen x'"
quiet "SET ROLE" "execute 'set role postgres'"
quiet "SET SESSION AUTHORIZATION" "execute 'set session authorization postgres'"
quiet "constraints deferred" "execute 'set constraints all deferred'"
quiet "another isolation" "perform set_config('transaction_isolation', 'serializable', true)"
quiet "a read-only transaction" "perform set_config('transaction_read_only', 'on', true)"
quiet "short timeouts" "perform set_config('statement_timeout', '1ms', false), set_config('lock_timeout', '1ms', false), set_config('idle_in_transaction_session_timeout', '1ms', false)"
quiet "a row that goes away" "return null"
quiet "swallowed errors" "begin perform 1 / 0; exception when others then null; end"
quiet "payments called from inside" "perform payments.adjust_credits('user', 'mallory', 7, 'x', 'y')"
attack "a trigger of the target gives credits" is_true "select count(*) > 0 from public.credit_ledger where subject_id = 'mallory'"
