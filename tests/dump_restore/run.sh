#!/usr/bin/env bash
# A filled database, with an app's own trigger, policy, index, grant and publication on payments.payment_history, is dumped
# and restored in the three usual ways. It must be identical, fire no trigger, and have no secrets.
. "$(dirname "$0")/../database.sh"
here=$tests/dump_restore

# events STORY: prints its events, one on each line. In the file, a line that begins with a brace begins an event.
events() {
  awk '/^{/ && NR > 1 { print "" } { sub(/^ +/, ""); printf "%s", $0 } END { print "" }' "$tests/corpus/stories/$1.json"
}

fill() {
  fresh_database shop
  sql -d shop -f "$here/shop.sql" >/dev/null
  if has_function create_app_tables; then sql -d shop -c 'select payments.create_app_tables()' >/dev/null; fi
  sql -d shop -c "select payments.set_webhook_secret('test', 'whsec_not_in_a_dump')" >/dev/null
  local story setup
  for story in 01-onetime-pi-first 11-sub-lifecycle 27-refund-partial 44-customers 50-unknown-types; do
    setup=$tests/corpus/stories/$story.setup.sql
    sql -d shop -f "$setup" 2>/dev/null || [ ! -e "$setup" ]
    while IFS= read -r event; do
      printf "select payments.apply_stripe_event('test', \$event\$%s\$event\$);\n" "$event"
    done < <(events "$story") | sql -d shop -f - >/dev/null
  done
}

has_function() {
  [ "$(sql -d shop -c "select count(*) from pg_proc where proname = '$1' and pronamespace = 'payments'::regnamespace")" != 0 ]
}

describe() { psql -X -q -v ON_ERROR_STOP=1 -d "$1" -f "$here/describe.sql" > "$work/$1.txt"; }

same_as_shop() { describe "$1" && diff -U 0 "$work/shop.txt" "$work/$1.txt"; }

filled() {
  [ "$(sql -d shop -c 'select count(*) from payments.payment_history')" -ge 5 ] &&
    [ "$(sql -d shop -c 'select count(*) from public.canary')" -ge 5 ]
}

plain() {
  pg_dump -d shop -f "$work/shop.sql" && createdb plain &&
    psql -X -q --single-transaction -v ON_ERROR_STOP=1 -d plain -f "$work/shop.sql" >/dev/null && same_as_shop plain
}

custom() {
  pg_dump -d shop -Fc -f "$work/shop.dump" && createdb custom &&
    pg_restore --exit-on-error -d custom "$work/shop.dump" && same_as_shop custom
}

parallel() {
  pg_dump -d shop -Fd -j 2 -f "$work/shop.dir" && createdb parallel &&
    pg_restore --exit-on-error -j 2 -d parallel "$work/shop.dir" && same_as_shop parallel
}

no_secret() {
  ! grep -q 'whsec_not' "$work/shop.sql" && ! pg_restore -f - "$work/shop.dump" | grep -q 'whsec_not' &&
    [ "$(sql -d plain -c 'select count(*) from payments_secret.webhook_secrets')" = 0 ]
}

# A restored database works: it recognizes the events that it has received, and every row agrees with its facts.
goes_on() {
  local answer
  answer=$(printf "select payments.apply_stripe_event('test', \$event\$%s\$event\$)" \
    "$(events 01-onetime-pi-first | head -n 1)" | sql -d custom -f -)
  grep -q '"duplicate": *true' <<< "$answer" || {
    echo "$answer"
    return 1
  }
  ! has_function verify_projections || [ -z "$(sql -d custom -c "select * from payments.verify_projections('test')")" ]
}

reinstalled() {
  createdb -T shop reinstalled && sql -d reinstalled -c 'drop extension payments' -c 'create extension payments' \
    -c 'revoke execute on function payments.credit_balance(text, text) from anon' && same_as_shop reinstalled
}

# Grants from before the extension was created again are in a dump, and those that were revoked later are not.
reinstalled_and_restored() {
  pg_dump -d reinstalled -Fc -f "$work/reinstalled.dump" && createdb again &&
    pg_restore --exit-on-error -d again "$work/reinstalled.dump" && same_as_shop again
}

# The shop's own roles work too: the check who may bill for a team has the same result as in the shop.
members_go_on() {
  [ "$(sql -d "$1" <<'SQL'
begin;
set local role shop_member;
set local request.jwt.claims = '{"sub": "ada"}';
select count(*) from unnest(array['team', 'guild'], array['11111111-1111-1111-1111-111111111111', 'ada']) as w(type, id),
       payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/', w.type, w.id) s
 where s.subject_id = w.id;
select payments.owns_subject('team', '22222222-2222-2222-2222-222222222222'), payments.owns_subject('guild', 'bob');
set local request.jwt.claims = '{"sub": "bob"}';
select payments.owns_subject('team', '11111111-1111-1111-1111-111111111111'), payments.owns_subject('guild', 'ada'),
       payments.may_use_subject('team', '11111111-1111-1111-1111-111111111111'), payments.may_use_subject('guild', 'ada');
set local request.jwt.claims = '{"sub": "gus"}';
select payments.may_use_subject('team', '11111111-1111-1111-1111-111111111111'), payments.may_use_subject('guild', 'ada');
rollback;
SQL
)" = $'2\nf|f\nf|f|t|t\nf|f' ]
}

# If payment_history were a member of the extension, the dump would lose what the app added to it. This shows that the
# checks can fail.
control_member_table() {
  createdb -T shop member_table && sql -d member_table -c 'alter extension payments add table payments.payment_history' &&
    pg_dump -d member_table -Fc -f "$work/member.dump" && createdb control &&
    pg_restore --exit-on-error -d control "$work/member.dump" 2>/dev/null
  ! same_as_shop control >/dev/null 2>&1
}

fill
describe shop
check 'the shop has payments, and its triggers fired' filled
check 'plain dump, restored in one transaction' plain
check 'custom dump' custom
check 'directory dump, restored in parallel' parallel
check 'no secret leaves in a dump' no_secret
check 'the restored database goes on' goes_on
check 'registered types and roles of its own work after a restore' members_go_on plain
check 'DROP EXTENSION, CREATE EXTENSION: nothing changed' reinstalled
check 'and then dumped and restored' reinstalled_and_restored
check 'the same after both' members_go_on again
check 'control: a member table would not come back the same' control_member_table
finish
