#!/usr/bin/env bash
# Everything in the schema is granted to everybody. Nobody gains anything, and nobody's checkout breaks.
. "$(dirname "$0")/../attack.sh"
q -c "create role stranger login" -c "create role mallory_role" -c "create schema strange authorization stranger"
q -f "$here/sql/calls.sql" > "$SCRATCH/calls.sql"
q -c "select format('table %s;', c.oid::regclass) from pg_class c where c.relnamespace in ('payments'::regnamespace, 'payments_registry'::regnamespace) and c.relkind in ('r', 'v')" > "$SCRATCH/tables.sql"
for app in orders credit_ledger user_entitlements billing_status fulfillment_jobs; do echo "table public.$app;"; done >> "$SCRATCH/tables.sql"
echo "# $(wc -l < "$SCRATCH/calls.sql") calls, $(wc -l < "$SCRATCH/tables.sql") relations"
as() { # as WHO ARGUMENTS…
  local who=$1
  shift
  case $who in
    stranger) PGOPTIONS="$PGOPTIONS -c request.jwt.claims={\"sub\":\"victim\"}" q -U stranger "$@" ;;
    anon) by "$anon" "$@" ;;
    authenticated) by "$mallory" "$@" ;;
  esac
}
state() { q -f "$here/sql/data.sql" > "$SCRATCH/$1"; q -f "$here/sql/snapshot.sql" >> "$SCRATCH/$1"; q -f "$here/sql/roles.sql" >> "$SCRATCH/$1"; }
# tells FILE: whether the output has a secret. Errors do not count, because they can repeat an argument.
tells() { grep -v -e '^ERROR' "$1" | grep -E 'hidden(@|$|[|"])|whsec_hidden|7654321' | head -5 | grep .; }
reads() { as "$1" -f "$SCRATCH/tables.sql" > "$SCRATCH/read"; tells "$SCRATCH/read"; }
calls() {
  as "$1" -c "set statement_timeout = '10s'" -f "$SCRATCH/calls.sql" > "$SCRATCH/called.$1"
  echo "# refused: $(grep -c ERROR "$SCRATCH/called.$1") of $(wc -l < "$SCRATCH/calls.sql")"
  if grep -e 'server closed' -e XX000 -e panicked "$SCRATCH/called.$1"; then return 0; fi
  tells "$SCRATCH/called.$1"
}
changes() {
  state before
  as "$1" -c "set statement_timeout = '10s'" -f "$SCRATCH/calls.sql" > /dev/null
  state after
  ! diff "$SCRATCH/before" "$SCRATCH/after" > "$SCRATCH/changed" && cut -c1-300 "$SCRATCH/changed"
}
checkout="select status from payments.create_checkout_session('test', 'payment', '[{\"price\": \"price_c\", \"quantity\": 1}]', 'https://a.example', 'https://a.example'"
plain="insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url, idempotency_key, subject_type, subject_id)
       values ('test', 'payment', '[{\"price\": \"price_c\", \"quantity\": 1}]', 'https://a.example', 'https://a.example'"
on_conflict="on conflict (environment, idempotency_key) where idempotency_key is not null do nothing returning status"
breaks() {
  local out
  out=$(by "$anon" -c "$checkout)" -c "$plain, 'a$1', null, null) $on_conflict"; by "$mallory" -c "$checkout, 'user', 'mallory')" -c "$plain, 'm$1', 'user', 'mallory') $on_conflict")
  echo "$out"
  [ "$(grep -c initialized <<< "$out")" != 4 ]
}
dangerous="select count(*) > 0 from pg_class c cross join lateral (
    select a.grantee, a.privilege_type from aclexplode(c.relacl) a
    union all select a.grantee, a.privilege_type from pg_attribute t cross join lateral aclexplode(t.attacl) a where t.attrelid = c.oid) e
  where c.relnamespace in ('payments'::regnamespace, 'payments_registry'::regnamespace) and e.privilege_type in ('TRUNCATE', 'TRIGGER', 'REFERENCES', 'MAINTAIN')
    and e.grantee in (0, 'anon'::regrole, 'authenticated'::regrole, 'stranger'::regrole)"
keeps() { is_true "$dangerous"; }
empties() {
  state before
  as "$1" -c "truncate payments.webhook_events cascade" -c "truncate payments.checkout_sessions, payments.customers cascade" > /dev/null
  state after
  ! diff "$SCRATCH/before" "$SCRATCH/after" > /dev/null
}

attack "a checkout breaks before anything was granted" breaks 0
for who in public anon authenticated; do
  q -v who="$who" -f "$here/sql/open_everything.sql"
  attack "grant all to $who: dangerous privileges stay" keeps
  attack "grant all to $who: a checkout breaks" breaks "$who"
done
for who in stranger anon authenticated; do
  attack "$who reads what is not his" reads "$who"
  attack "$who is told what is not his by a function" calls "$who"
  attack "$who changes something by a function" changes "$who"
  attack "$who empties a table" empties "$who"
done
references() {
  as stranger -c "create table strange.r (id uuid references payments.checkout_sessions (id))" -c "create trigger t before insert on payments.customers for each row execute function suppress_redundant_updates_trigger()" > /dev/null
  is_true "select to_regclass('strange.r') is not null or exists (select from pg_trigger where tgname = 't')"
}
attack "a stranger references a table of ours or hangs a trigger on it" references
apptables() {
  q -c "create role writer login" -c "grant pg_write_all_data to writer" -c "set role project_admin" -c "select payments.create_app_tables()"
  is_true "select count(*) > 0 from pg_class c, aclexplode(c.relacl) a where c.oid in ('public.orders'::regclass, 'public.credit_ledger'::regclass)
            and a.grantee in ('writer'::regrole, 'stranger'::regrole, 0)"
}
attack "create_app_tables() gives something by privilege" apptables
attack "an untrusted role is an admin" is_true "select payments.is_admin_role('authenticated') or payments.is_admin_role('stranger') or payments.is_admin_role('writer')"

# Without the protections, one at a time.
q -c "alter event trigger payments_grants disable" -c "grant all on all tables in schema payments to stranger"
control "the event trigger is off" keeps
q -c "alter table payments.webhook_events disable trigger payments_truncate" -c "alter table payments.webhook_events no force row level security"
control "a truncate guard is off" empties stranger
q -c "alter table payments.customers disable row level security"
control "row security of customers is off" reads stranger
q -c "create function payments.old_kind(a text) returns text language sql security definer as \$\$ update payments.customers set name = 'planted' returning email \$\$" \
  -c "alter function payments.old_kind(text) owner to payments_owner" -c "grant execute on function payments.old_kind(text) to public"
q -f "$here/sql/calls.sql" > "$SCRATCH/calls.sql"
control "a function of the old kind tells" calls stranger
control "a function of the old kind changes" changes stranger
q -c "insert into payments.granted_roles (role, as_) values ('stranger', 'admin')" -c "grant usage on schema payments to stranger"
control "a record makes an admin" is_true "select payments.is_admin_role('stranger')"
q -c "drop function payments.old_kind(text)"
q -f "$here/sql/calls.sql" > "$SCRATCH/calls.sql"
control "an admin by record changes something by a function" changes stranger
