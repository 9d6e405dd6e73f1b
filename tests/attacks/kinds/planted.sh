#!/usr/bin/env bash
# A role that may create in schema public, or a schema in the database, plants operators, functions and casts that our statements
# would use if they left out a schema. Ordinary work must never call one.
. "$(dirname "$0")/../attack.sh"
# The shop's tables already exist. This app creates its own after everything is planted.
cat > "$SCRATCH/set_up.sql" <<'S'
create role planter login;
grant create, usage on schema public to planter;
do $$ begin execute format('grant create on database %I to planter', current_database()); end $$;
create schema canary;
grant usage on schema canary to public;
create sequence canary.as_postgres;
create sequence canary.as_payments_owner;
create sequence canary.as_payments_definer;
create sequence canary.as_project_admin;
create sequence canary.as_authenticated;
create sequence canary.as_anon;
create sequence canary.as_other;
grant all on all sequences in schema canary to public;
create schema app authorization project_admin;
S
q -f "$SCRATCH/set_up.sql"
# Schemas with the names of roles, which "$user" would put first in the path.
for schema in public payments_definer project_admin authenticated; do
  [ "$schema" = public ] || q -U planter -c "create schema $schema" -c "grant usage on schema $schema to public"
  q -U planter -v schema="$schema" -f "$here/sql/planted.sql"
done
echo "# planted: $(q -c "select count(*) from pg_operator where oid operator(pg_catalog.>=) 16384::oid") operators, $(q -c "select count(*) from pg_proc where proowner = 'planter'::regrole") functions"
attack "too little was planted" is_true "select count(*) operator(pg_catalog.<) 5000 from pg_operator where oid operator(pg_catalog.>=) 16384::oid"

# This script's own queries run with the path of the system.
called() { q -c "set search_path = pg_catalog" -c "select string_agg(sequencename || ' ' || last_value, ', ') from pg_sequences where schemaname = 'canary'" | grep . && forget; }
forget() { q -c "set search_path = pg_catalog" -c "select count(setval(format('canary.%I', sequencename), 1, false)) from pg_sequences where schemaname = 'canary'" > /dev/null; }
forget
n=0
id() { printf '00000000-0000-0000-0000-%012d' "$n"; }
# Ordinary work of every kind, by the roles that do it.
operating() {
  n=$((n + 1))
  q -c "select payments.set_credit_benefit('test', 'price_c', 1), payments.set_entitlement_benefit('test', 'price_c', 'gold')" \
    -c "select payments.adjust_credits('user', 'ada', 5, 'k$n', 'x')" -c "select payments.has_webhook_secret('test'), payments.explain('cs_p$n')" \
    -c "select * from payments.verify_projections('test')" -c "select payments.rebuild_projections('test'), payments.prune_webhook_events('1 year')" \
    -c "select payments.retry_fulfillments()" -c "select payments.claim_jobs(3)" -c "select payments.grant_role('service_role', 'admin')" > "$SCRATCH/said"
  grep ERROR "$SCRATCH/said"
}
paying() {
  n=$((n + 1))
  q -c "set role project_admin" -c "insert into public.orders (id, user_id, environment, amount, currency) values ('$(id)', 'ada', 'test', 100, 'usd')"
  q -c "select public.customer('k$n')" -c "select public.buy('p$n', '$(id)')" \
    -c "select public.deliver('r$n', 'charge.refunded', jsonb_build_object('id', 'ch_p$n', 'object', 'charge', 'payment_intent', 'pi_p$n', 'amount', 100, 'amount_captured', 100, 'amount_refunded', 40, 'currency', 'usd', 'refunded', false, 'paid', true, 'status', 'succeeded', 'captured', true))" \
    -c "select public.deliver('s$n', 'customer.subscription.created', jsonb_build_object('id', 'sub_$n', 'object', 'subscription', 'status', 'active', 'customer', 'cus_p$n', 'created', 1752000063, 'items', jsonb_build_object('object', 'list', 'data', jsonb_build_array(jsonb_build_object('id', 'si_$n', 'object', 'subscription_item', 'quantity', 1, 'current_period_start', 1752000063, 'current_period_end', 1852000063, 'price', jsonb_build_object('id', 'price_c', 'object', 'price', 'product', 'prod_1'))))))" \
    -c "select public.deliver('q$n', 'price.created', jsonb_build_object('id', 'price_n', 'object', 'price', 'product', 'prod_1', 'active', true, 'currency', 'usd', 'unit_amount', 100, 'type', 'one_time'))" > "$SCRATCH/said"
  status=$(q -c "set search_path = pg_catalog" -c "select status from public.orders where id = '$(id)'")
  echo "# processed: $(grep -c processed "$SCRATCH/said"), order: $status, $(q -c "set search_path = pg_catalog" -c "select f.kind, f.state, f.reason from payments.fulfillments f join payments.checkout_sessions s on f.source = 'checkout:' || s.id where s.stripe_checkout_session_id = 'cs_p$n'" | tr '\n' ' ')"
}
asking() {
  by "$mallory" -c "select payments.create_checkout_session('test', 'payment', '[{\"price\": \"price_c\", \"quantity\": 1}]', 'https://a.example', 'https://a.example', 'user', 'mallory', idempotency_key => 'p')" \
    -c "select * from payments.my_entitlements()" -c "select payments.has_entitlement('gold'), payments.credit_balance('user', 'mallory'), payments.has_active_subscription()" \
    -c "select count(*) from payments.checkout_sessions" -c "select count(*) from public.orders" -c "select payments.owns_subject('user', 'mallory'), payments.my_subjects('user')" \
    -c "select payments.spend_credits('user', 'mallory', 1, 'x')" > /dev/null
  by "$anon" -c "select payments.create_checkout_session('test', 'payment', '[{\"price\": \"price_c\", \"quantity\": 1}]', 'https://a.example', 'https://a.example')" \
    -c "insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url) values ('test', 'payment', '[{\"price\": \"price_c\", \"quantity\": 1}]', 'https://a.example', 'https://a.example') on conflict do nothing returning status" > /dev/null
}
making() { q -c "grant create, usage on schema app to project_admin" -c "set role project_admin" -c "select payments.create_app_tables('app')"; }
reinstalling() { q -c "drop extension payments" -c "create extension payments" -c "select payments.set_webhook_secret('test', 'whsec_hidden')" -c "set role project_admin" -c "select payments.create_app_tables()"; }
for work in operating paying asking; do
  $work
  attack "$work calls what was planted" called
done
attack "an order was not paid, so that too little was tried" [ "$status" != paid ]
PGOPTIONS="$PGOPTIONS -c search_path=payments_definer,public,pg_catalog" operating
PGOPTIONS="$PGOPTIONS -c search_path=public,pg_catalog" paying
attack "work under a path that begins with public calls what was planted" called
making
attack "create_app_tables() calls what was planted" called
reinstalling
attack "DROP and CREATE EXTENSION call what was planted" called
paying
asking
attack "work after that calls what was planted" called

# An app's own trigger that leaves out an operator's schema is caught, and so is a function of the old kind.
q -c "set role project_admin" -c "create function public.add() returns trigger language plpgsql as 'begin perform 5::bigint * ''1 second''::interval; return new; end'" \
  -c "create trigger add before update on public.orders for each row execute function public.add()"
paying
control "an app's own unqualified operator" called
q -c "set role project_admin" -c "drop trigger add on public.orders"
q -c "create function payments.old_kind() returns trigger language plpgsql security definer as 'begin perform 5::bigint * ''1 second''::interval; return new; end'" \
  -c "alter function payments.old_kind() owner to payments_definer" -c "create trigger old before insert on payments.customers for each row execute function payments.old_kind()"
paying
control "a function of the old kind" called
