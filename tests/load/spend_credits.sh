#!/usr/bin/env bash
# 64 connections spend the last credits of a subject: the balance is never below zero, a repeated key spends once, and the
# running balance agrees with the sum of the ledger. The control looks and then writes without the lock, and overdraws.
. "$(dirname "$0")/../database.sh"
fresh_database load_spend
sql -d load_spend -c 'select payments.create_app_tables()' > /dev/null

# in_parallel SCRIPT: runs it in 64 clients at once, 20 transactions each. Errors of single statements are expected.
in_parallel() {
  printf '%s\n' "$1" > "$work/script.sql"
  pgbench -n -c 64 -j 2 -t 20 -f "$work/script.sql" -d load_spend > "$work/pgbench.out" 2>&1 || {
    tail -5 "$work/pgbench.out"
    return 1
  }
}

# A refused spend is an error; the client continues with the next one.
sql -d load_spend <<'SQL'
create function try_spend(amount bigint, key text) returns boolean language plpgsql as $$
begin
  perform payments.spend_credits('user', 'ada', amount, key, 'load');
  return true;
exception when sqlstate 'PT402' then
  return false;
end $$;
-- The control, without a lock that lasts from the read to the write.
create table careless (id bigserial, delta bigint);
create function careless_spend() returns void language plpgsql as $$
begin
  if (select coalesce(sum(delta), 0) from careless) > 0 then
    perform pg_sleep(0.001);
    insert into careless (delta) values (-1);
  end if;
end $$;
SQL

one_wins() {
  sql -d load_spend -c "select payments.adjust_credits('user', 'ada', 1, 'one', 'load')" > /dev/null
  in_parallel "select try_spend(1, 'client ' || :client_id || ' ' || random());" || return
  [ "$(sql -d load_spend -c "select count(*) from credit_ledger where reason = 'spend'")" = 1 ] &&
    [ "$(sql -d load_spend -c "select payments.credit_balance('user', 'ada')")" = 0 ]
}

a_key_spends_once() {
  sql -d load_spend -c "select payments.adjust_credits('user', 'ada', 1000, 'many', 'load')" > /dev/null
  in_parallel "select try_spend(7, 'the same key');" || return
  [ "$(sql -d load_spend -c "select payments.credit_balance('user', 'ada')")" = 993 ]
}

sums_agree() {
  in_parallel "\\set amount random(1, 9)
select try_spend(:amount, 'key ' || random());" || return
  local wrong
  wrong=$(sql -d load_spend -c "
    select count(*) from (
      select balance_after, sum(delta) over (partition by subject_type, subject_id order by id) as sum from credit_ledger) l
     where l.balance_after <> l.sum or l.balance_after < 0")
  [ "$wrong" = 0 ] || {
    echo "$wrong lines disagree"
    return 1
  }
}

the_control_overdraws() {
  sql -d load_spend -c 'insert into careless (delta) values (1)'
  in_parallel 'select careless_spend();' || return
  [ "$(sql -d load_spend -c 'select sum(delta) < 0 from careless')" = t ]
}

check '64 connections, one credit: one wins' one_wins
check 'a repeated key spends once' a_key_spends_once
check 'the sum and the running balance agree, and are never below zero' sums_agree
check 'without the lock it overdraws (control)' the_control_overdraws
sql -d postgres -c 'drop database load_spend'
finish
