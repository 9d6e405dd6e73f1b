#!/usr/bin/env bash
# A member or a guest changes another's subscription, reads its requests, uses another's key, or writes what only the backend may
# write; a subject gets two trials by two requests at once, or credits without paying, by quantity.
. "$(dirname "$0")/../attack.sh"
q -c "insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
      values ('test', 'user', 'victim', 'cus_hidden'), ('test', 'user', 'mallory', 'cus_mallory')" \
  -c "insert into payments.prices (environment, stripe_price_id, active, type, currency, unit_amount)
      values ('test', 'price_m', true, 'recurring', 'usd', 500), ('test', 'price_old', false, 'recurring', 'usd', 1),
             ('test', 'price_eur', true, 'recurring', 'eur', 1), ('live', 'price_live', true, 'recurring', 'usd', 1)" \
  -c "do \$\$ begin
        perform public.deliver('v', 'customer.subscription.created', '{\"id\": \"sub_hidden\", \"object\": \"subscription\", \"created\": 1752000000,
          \"customer\": \"cus_hidden\", \"status\": \"active\", \"currency\": \"usd\", \"items\": {\"data\": [{\"id\": \"si_v\", \"quantity\": 1,
          \"price\": {\"id\": \"price_m\", \"object\": \"price\", \"product\": \"prod_m\"}}]}}');
        perform public.deliver('m', 'customer.subscription.created', '{\"id\": \"sub_m\", \"object\": \"subscription\", \"created\": 1752000000,
          \"customer\": \"cus_mallory\", \"status\": \"active\", \"currency\": \"usd\", \"items\": {\"data\": [{\"id\": \"si_m\", \"quantity\": 1,
          \"price\": {\"id\": \"price_m\", \"object\": \"price\", \"product\": \"prod_m\"}}]}}');
      end \$\$"
victim='-c role=authenticated -c request.jwt.claims={"sub":"victim","role":"authenticated"}'
ask="select status from payments.request_subscription_change('test'"
asked() { by "$1" -c "$ask, $2)" | grep -qx initialized; }
of_victim() { is_true "select count(*) > 0 from payments.subscription_requests where stripe_subscription_id = 'sub_hidden' and created_by is distinct from 'victim'"; }
changes() {
  by "$1" -c "$ask, 'sub_hidden', 'cancel')" -c "$ask, 'sub_hidden', 'cancel', idempotency_key => 'k')" \
    -c "insert into payments.subscription_requests (environment, stripe_subscription_id, action) values ('test', 'sub_hidden', 'cancel')" \
    -c "insert into payments.subscription_requests (environment, stripe_subscription_id, action, idempotency_key) values ('test', 'sub_hidden', 'cancel', 'k')
        on conflict do nothing" > /dev/null
  of_victim
}
stamps() {
  local column
  for column in "subject_id, subject_type) values ('test', 'sub_m', 'cancel', 'victim', 'user'" "created_by) values ('test', 'sub_m', 'cancel', 'victim'" \
      "stripe_subscription_item_id) values ('test', 'sub_m', 'cancel', 'si_v'" "request) values ('test', 'sub_m', 'cancel', '{\"path\": \"/v1/x\"}'" \
      "pending_update) values ('test', 'sub_m', 'cancel', true" "status) values ('test', 'sub_m', 'cancel', 'completed'"; do
    by "$mallory" -c "insert into payments.subscription_requests (environment, stripe_subscription_id, action, $column)" > /dev/null
  done
  is_true "select count(*) > 0 from payments.subscription_requests where stripe_subscription_id = 'sub_m' and (created_by <> 'mallory' or subject_id <> 'mallory'
           or stripe_subscription_item_id = 'si_v' or request is not null or pending_update or status <> 'initialized')"
}
sells() {
  local price
  for price in price_old price_eur price_live price_unknown; do
    if asked "$mallory" "'sub_m', 'change', '$price'"; then echo "# $price"; return 0; fi
  done
  return 1
}
reads() { by "$1" -c "table payments.subscription_requests" | grep hidden; }
claims() {
  by "$1" -c "select request from payments.claim_session_requests()" -c "select path from payments.claim_stripe_reads()" \
    -c "select payments.create_order('test', '[{\"price\": \"price_m\"}]')" -c "select payments.set_checkout_defaults('test', '{\"allow_promotion_codes\": true}')" \
    -c "select check_name from payments.doctor()" \
    | grep -v '^ERROR' | grep .
}

attack "the victim cannot ask" eval '! asked "$victim" "'"'sub_hidden', 'cancel', idempotency_key => 'k'"'"'
attack "a member changes another's subscription" changes "$mallory"
attack "a guest changes a subscription" changes "$anon"
attack "a member writes what the guard stamps" stamps
attack "a member changes to a price that is not sold to him" sells
attack "a member reads another's requests" reads "$mallory"
attack "a guest reads requests" reads "$anon"
attack "a member does what workers do" claims "$mallory"
q -c "grant all on all tables in schema payments to anon, authenticated"
attack "a member to whom all is granted changes another's subscription" changes "$mallory"
attack "a guest to whom all is granted changes a subscription" changes "$anon"
attack "a member to whom all is granted writes what the guard stamps" stamps
attack "a member to whom all is granted reads another's requests" reads "$mallory"
q -c "grant execute on all functions in schema payments to anon, authenticated"
attack "a member to whom all functions are granted does what workers do" claims "$mallory"
attack "a guest to whom all functions are granted does what workers do" claims "$anon"

# Credits for nothing, by quantity: of a free price, and of one with a trial; by a checkout, an INSERT, and a change.
q -c "insert into payments.prices (environment, stripe_price_id, stripe_product_id, active, type, currency, unit_amount)
      values ('test', 'price_free', 'prod_free', true, 'recurring', 'usd', 0), ('test', 'price_tried', 'prod_tried', true, 'recurring', 'usd', 900)" \
  -c "do \$\$ begin
        perform payments.set_credit_benefit('test', 'price_free', 100), payments.set_credit_benefit('test', 'prod_tried', 100, trials => true);
        perform payments.set_checkout_defaults('test', '{\"subscription_data\": {\"trial_period_days\": 14}}', 'price_tried');
      end \$\$"
gets_many() {
  local price
  for price in price_free price_tried; do
    by "$mallory" -c "select status from payments.create_checkout_session('test', 'subscription', '[{\"price\": \"$price\", \"quantity\": 999999}]',
        'https://a.example', 'https://a.example', 'user', 'mallory')" \
      -c "select status from payments.create_checkout_session('test', 'subscription', '[{\"price\": \"$price\"}, {\"price\": \"$price\"}]',
        'https://a.example', 'https://a.example', 'user', 'mallory')" \
      -c "insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url, cancel_url)
        values ('test', 'subscription', 'user', 'mallory', '[{\"price\": \"$price\", \"quantity\": 2}]', 'https://a.example', 'https://a.example')" \
      -c "$ask, 'sub_m', 'change', '$price', 999999)" > /dev/null
  done
  is_true "select exists (select from payments.checkout_sessions s, jsonb_array_elements(s.line_items) i
                           where s.created_by = 'mallory' and i ->> 'price' in ('price_free', 'price_tried'))
               or exists (select from payments.subscription_requests s where s.stripe_price_id in ('price_free', 'price_tried') and s.quantity > 1
                             and (s.stripe_price_id = 'price_free' or exists (
                                    select from payments.subscriptions t where t.stripe_subscription_id = s.stripe_subscription_id and t.status = 'trialing')))"
}
attack "a member gets credits for nothing, by quantity" gets_many
q -c "alter database \"$PGDATABASE\" set payments.max_free_quantity = 999999"
control "callers may ask for any quantity of what is free" gets_many
q -c "alter database \"$PGDATABASE\" reset payments.max_free_quantity" \
  -c "do \$\$ begin perform payments.set_checkout_defaults('test', null, 'price_tried'); end \$\$"

# Trials: several sessions of one subject, each claimed by its own worker at the same time.
q -c "do \$\$ begin perform payments.set_checkout_defaults('test', '{\"subscription_data\": {\"trial_period_days\": 30}}'); end \$\$"
trials() { # trials SUBJECT: whether the subject gets two
  local i
  q -c "insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url, cancel_url)
        select 'test', 'subscription', 'user', '$1', '[{\"price\": \"price_m\", \"quantity\": 1}]', 'https://a.example', 'https://a.example'
          from generate_series(1, 8)"
  for i in $(q -c "select id from payments.checkout_sessions where subject_id = '$1'"); do
    q -c "begin" -c "do \$\$ begin perform payments.stripe_request('$i'); end \$\$" -c "select pg_sleep(0.1)" -c "commit" > /dev/null &
  done
  wait
  is_true "select count(*) <> 1 from payments.checkout_sessions where subject_id = '$1' and request #> '{params,subscription_data,trial_period_days}' is not null"
}
attack "a subject gets two trials at once" trials racer
lost() { # lost SUBJECT: whether the subject gets another trial once the answer to the first request was lost
  local i
  for i in 1 2; do
    q -c "insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url, cancel_url)
          values (md5('$1 $i')::uuid, 'test', 'subscription', 'user', '$1', '[{\"price\": \"price_m\"}]', 'https://a.example', 'https://a.example')" \
      -c "do \$\$ begin perform payments.stripe_request(md5('$1 $i')::uuid), payments.record_stripe_error(md5('$1 $i')::uuid, 'no answer'); end \$\$"
  done
  is_true "select count(*) > 1 from payments.checkout_sessions where subject_id = '$1' and request #> '{params,subscription_data,trial_period_days}' is not null"
}
attack "a subject gets two trials, as the answer to the first was lost" lost loser
carries() { # carries KEY: whether the trial of one plan goes on with a dearer one
  by "$mallory" -c "$ask, 'sub_m', 'change', 'price_dear', idempotency_key => '$1')" > /dev/null
  is_true "select r #>> '{params,trial_end}' is distinct from 'now' from payments.subscription_requests s, payments.stripe_request(s.id) r where s.idempotency_key = '$1'"
}
q -c "do \$\$ begin perform payments.set_checkout_defaults('test', null); end \$\$" \
  -c "update payments.subscriptions set status = 'trialing', trial_end = now() + interval '9 days' where stripe_subscription_id = 'sub_m'" \
  -c "insert into payments.prices (environment, stripe_price_id, stripe_product_id, active, type, currency, unit_amount)
      values ('test', 'price_dear', 'prod_dear', true, 'recurring', 'usd', 99900)"
attack "the trial of a cheap plan goes on with a dear one" carries one
q -c "create or replace function payments.trial_days(environment text, price text) returns integer language sql as 'select 730'"
control "every price is offered with a trial" carries two
q -c "do \$\$ begin perform payments.set_checkout_defaults('test', '{\"subscription_data\": {\"trial_period_days\": 30}}'); end \$\$"
q -c "create or replace function payments.may_have_trial(session payments.checkout_session) returns boolean language sql as 'select true'"
control "nothing asks whether there was a trial" trials another
control "nothing asks whether one may still be had" lost winner

q -c "alter table payments.subscription_requests disable trigger payments_guard" \
  -c "create policy open on payments.subscription_requests using (true) with check (true)"
control "the guard and the row security of requests are off" changes "$mallory"
control "the row security of requests is off" reads "$mallory"
