#!/usr/bin/env bash
# Webhook secrets against roles that may read, write and lock every table, also after all was granted to everybody.
. "$(dirname "$0")/../attack.sh"
q -c "create role reader login" -c "grant pg_read_all_data to reader" -c "create role writer login" -c "grant pg_write_all_data, pg_read_all_data to writer" \
  -c "create role stranger login" -c "create role poster login" -c "select payments.grant_role('poster', 'webhook')"
secrets=payments_secret.webhook_secrets
for what in tables routines sequences; do q -c "grant all on all $what in schema payments to public"; done

read_by() { is_said whsec_hidden "$(q -U "$1" -c "select * from $secrets" -c "select payments.has_webhook_secret('test')" -c "copy $secrets to stdout")"; }
attack "pg_read_all_data reads the secret" read_by reader
attack "a stranger reads the secret after grant all" read_by stranger
attack "a gateway's role reads the secret after grant all" is_said whsec_hidden "$(by "$mallory" -c "select * from $secrets")"

# An event that only Stripe could have signed, but with a secret that the attacker knows. Its body is fixed, its time is now.
forged() {
  q -U writer -c "insert into $secrets values ('test', 'whsec_forger', now(), null)" -c "update $secrets set secret = 'whsec_forger'"
  is_said processed "$(q -U poster -c "
    select payments.receive_stripe_webhook('test', e.body, format('t=%s,v1=%s', e.at, encode(public.hmac(convert_to(e.at || '.' || e.body, 'UTF8'), 'whsec_forger', 'sha256'), 'hex')))
      from (select extract(epoch from now())::bigint::text as at,
                   '{\"id\":\"evt_forged$1\",\"object\":\"event\",\"type\":\"customer.created\",\"created\":1752000063,\"livemode\":false,\"data\":{\"object\":{\"id\":\"cus_x\",\"object\":\"customer\"}}}' as body) e")"
}
attack "pg_write_all_data plants a secret and forges an event" forged 1
is_lost() {
  q -U writer -c "delete from $secrets" -c "update $secrets set valid_until = now() - interval '1 hour'" -c "truncate $secrets" \
    -c "select payments.set_webhook_secret('test', 'whsec_of_writer', '0')" > /dev/null
  ! is_said processed "$(q -c "select public.customer('$1')")"
}
attack "pg_write_all_data ends the secret" is_lost kept

# hold ROLE SQL: runs the statement in a transaction that stays open, for eight seconds at most.
hold() {
  printf '%s\n' "begin;" "$2;" "select 'held';" "select pg_sleep(8);" > "$SCRATCH/hold.sql"
  input=$SCRATCH/hold.sql q -U "$1" > "$SCRATCH/hold.out" &
  holder=$!
  for _ in $(seq 50); do grep -q -e held -e ERROR "$SCRATCH/hold.out" && break; sleep 0.1; done
}
let_go() { q -c "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(8);'" > /dev/null; wait "$holder"; }
waits() { is_said "timeout" "$(q -c "set statement_timeout = '3s'" -c "$1")"; }
hold writer "lock table $secrets in access exclusive mode"
attack "LOCK TABLE on the secrets keeps webhooks waiting" waits "select public.customer('locked')"
control "SQL that reads the table waits for that lock" waits "select count(*) from $secrets"
let_go

q -c "analyze $secrets" -c "analyze"
are_sampled() { is_true "select count(*) > 0 from pg_statistic where starelid = '$secrets'::regclass"; }
attack "the planner's statistics hold the secret" are_sampled

q -c "alter table $secrets alter column secret set statistics 100" -c "analyze $secrets"
control "statistics are collected again" are_sampled
q -c "alter table $secrets disable row level security"
control "row security of the secrets is off: pg_read_all_data reads" read_by reader
q -c "alter table $secrets disable row level security, no force row level security"
control "row security of the secrets is off: an event is forged" forged 2
control "row security of the secrets is off: the secret is lost" is_lost gone
