#!/usr/bin/env bash
# 64 connections send the same request with one key: there is one row, and all of them get it. The control looks for the key and
# then inserts it without a unique index, and makes several rows.
. "$(dirname "$0")/../database.sh"
fresh_database load_idempotency

# in_parallel SCRIPT: runs it in 64 clients at once, one transaction each.
in_parallel() {
  printf '%s\n' "$1" > "$work/script.sql"
  pgbench -n -c 64 -j 2 -t 1 -f "$work/script.sql" -d load_idempotency > "$work/pgbench.out" 2>&1 || {
    tail -5 "$work/pgbench.out"
    return 1
  }
}

sql -d load_idempotency <<'SQL'
create table answers (id uuid);
grant insert on answers to public;
create table careless (key text);
create function careless_insert() returns void language plpgsql as $$
begin
  if not exists (select from careless where key = 'k') then
    perform pg_sleep(0.01);
    insert into careless values ('k');
  end if;
end $$;
SQL

# one_row ROLE CLAIMS ARGUMENTS
one_row() {
  sql -d load_idempotency -c 'truncate answers' -c 'delete from payments.checkout_sessions'
  in_parallel "begin;
set local role $1;
set local request.jwt.claims = '$2';
insert into answers select id from payments.create_checkout_session('test', 'payment', '[{\"price\": \"p\", \"quantity\": 1}]',
  'https://a.example/', 'https://a.example/', $3 idempotency_key => 'k');
commit;" || return
  [ "$(sql -d load_idempotency -c 'select count(*), count(distinct id) from answers')" = '64|1' ] &&
    [ "$(sql -d load_idempotency -c 'select count(*) from payments.checkout_sessions')" = 1 ]
}

the_control_makes_several() {
  in_parallel 'select careless_insert();' || return
  [ "$(sql -d load_idempotency -c 'select count(*) > 1 from careless')" = t ]
}

check 'one request of a user, 64 times at once: one row' one_row authenticated '{"sub": "ada"}' "'user', 'ada',"
check 'the same of a guest' one_row anon '' ''
check 'the same of a backend' one_row project_admin '' "'team', 't1',"
check 'without the unique index there are several (control)' the_control_makes_several
sql -d postgres -c 'drop database load_idempotency'
finish
