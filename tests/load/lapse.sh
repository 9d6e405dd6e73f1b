#!/usr/bin/env bash
# 64 connections spend while credits lapse and a part becomes due: the balance is never below zero, each grant lapses once, and what
# lapsed is what was not spent. The control looks for what has expired and then writes without the lock, and lapses it twice.
. "$(dirname "$0")/../database.sh"
fresh_database load_lapse
sql -d load_lapse <<'SQL' > /dev/null
select payments.create_app_tables();
select payments.set_credit_benefit('test', 'price_month', 400, until_period_end => true),
       payments.set_credit_benefit('test', 'price_roll', 300),
       payments.set_credit_benefit('test', 'price_parts', 200, every => '1 day', until_period_end => true);
create function paid(invoice text, price text, starts timestamptz, ends timestamptz) returns void language sql as $$
  insert into payments.payment_history (environment, type, status, subject_type, subject_id, stripe_invoice_id,
      stripe_subscription_id, amount, amount_refunded, currency, paid_at, invoice_lines)
  values ('test', 'subscription_invoice', 'succeeded', 'user', 'ada', invoice, 'sub_a', 1500, 0, 'usd', starts,
      jsonb_build_object('lines', jsonb_build_array(jsonb_build_object('id', 'il', 'item', 'si_a', 'price', price,
        'start', extract(epoch from starts)::bigint, 'end', extract(epoch from ends)::bigint, 'quantity', 1, 'amount', 1500))))
$$;
create function try_spend(key text) returns boolean language plpgsql as $$
begin
  perform payments.spend_credits('user', 'ada', 1, key, 'load');
  return true;
exception when sqlstate 'PT402' then
  return false;
end $$;
-- The control, without a lock that lasts from the read to the write.
create table careless (id bigserial, delta bigint, reason text);
create function careless_lapse() returns void language plpgsql as $$
begin
  if not exists (select from careless where reason = 'expiry') then
    perform pg_sleep(0.01);
    insert into careless (delta, reason) values (-400, 'expiry');
  end if;
end $$;
SQL

over_a_lapse() {
  sql -d load_lapse > /dev/null <<'SQL'
select paid('in_1', 'price_month', now() - interval '20 days', now() + interval '3 seconds');
select paid('in_2', 'price_roll', now() - interval '1 day', now() + interval '20 days');
-- while the clients spend, its second part becomes due, and its first lapses
select paid('in_3', 'price_parts', now() - interval '1 day' + interval '4 seconds', now() + interval '1 day 4 seconds');
SQL
  printf '%s\n' "select try_spend('client ' || :client_id || ' ' || random()), pg_sleep(0.3);" > "$work/script.sql"
  pgbench -n -c 64 -j 2 -T 7 -f "$work/script.sql" -d load_lapse > "$work/pgbench.out" 2>&1 || {
    tail -5 "$work/pgbench.out"
    return 1
  }
  sql -d load_lapse -c "select payments.retry_fulfillments()" > /dev/null
}

never_below_zero() {
  [ "$(sql -d load_lapse -c "
    select count(*) from (
      select balance_after, sum(delta) over (order by id) as sum from credit_ledger) l
     where l.balance_after <> l.sum or l.balance_after < 0")" = 0 ]
}

nothing_lapses_twice() {
  local told
  told=$(sql -d load_lapse -c "
    select count(*) || ' ' || count(distinct source) || ' ' || (max(-delta) <= 400) from credit_ledger where reason = 'expiry'")
  case $told in "1 1 true" | "2 2 true") ;; *) echo "lapses: $told"; return 1 ;; esac
}

all_is_accounted_for() {
  local wrong
  wrong=$(sql -d load_lapse -c "
    select count(*) filter (where reason = 'purchase') || ' ' || sum(delta) filter (where reason = 'purchase') || ' ' ||
           (payments.credit_balance('user', 'ada') = sum(delta)) || ' ' || (count(*) filter (where reason = 'spend') > 20)
      from credit_ledger")
  [ "$wrong" = "4 1100 true true" ] || {
    echo "$wrong"
    return 1
  }
}

the_control_lapses_twice() {
  printf 'select careless_lapse();\n' > "$work/script.sql"
  pgbench -n -c 64 -j 2 -t 5 -f "$work/script.sql" -d load_lapse > "$work/pgbench.out" 2>&1 || return
  [ "$(sql -d load_lapse -c 'select count(*) > 1 from careless')" = t ]
}

check '64 connections spend over a lapse and a part that comes due' over_a_lapse
check 'the balance is never below zero, and the sum agrees' never_below_zero
check 'nothing lapses twice' nothing_lapses_twice
check 'what came, was spent and lapsed is what is there' all_is_accounted_for
check 'without the lock it lapses twice (control)' the_control_lapses_twice
sql -d postgres -c 'drop database load_lapse'
finish
