#!/usr/bin/env bash
# Eight workers claim 1,000 sessions and record the responses. One worker in ten dies after it claimed. Each session gets a response,
# and no two workers have it within one lease. The control, which reads and then marks rows, gives some to several workers.
. "$(dirname "$0")/../database.sh"
fresh_database load_claims

sql -d load_claims <<'SQL'
create table claims (session_id uuid, worker int, attempt int);
create table careless (session_id uuid);
create function waiting_sessions() returns void language sql as $$
  delete from payments.checkout_sessions; delete from payments.request_leases; delete from claims;
  insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url)
  select 'test', 'payment', '[{"price": "p"}]', 'https://a.example/', 'https://a.example/' from generate_series(1, 1000) $$;
create function careless_claim(worker int) returns void language plpgsql as $$
declare taken uuid[];
begin
  taken := array(select s.id from payments.checkout_sessions s
                  where not exists (select from careless c where c.session_id = s.id) order by s.created_at limit 10);
  perform pg_sleep(0.01);
  insert into careless select unnest(taken);
  insert into claims select t, worker, 1 from unnest(taken) t;
end $$;
-- One turn of a worker: it commits its claim before it records the responses.
create procedure work(worker int, dies boolean, lease interval) language plpgsql as $$
declare mine payments.session_request[];
declare one payments.session_request;
begin
  mine := array(select c from payments.claim_session_requests(5, lease) c);
  insert into claims select m.session_id, worker, m.attempt from unnest(mine) m;
  commit;
  if dies then return; end if;
  foreach one in array mine loop
    perform payments.record_stripe_response(one.session_id, jsonb_build_object('id', 'cs_' || one.session_id, 'object',
      'checkout.session', 'livemode', false, 'url', 'https://checkout.stripe.com/c'));
    commit;
  end loop;
end $$;
SQL

# work_off TURNS SCRIPT
work_off() {
  printf '%s\n' "$2" > "$work/script.sql"
  pgbench -n -c 8 -j 2 -t "$1" -f "$work/script.sql" -d load_claims > "$work/pgbench.out" 2>&1 || {
    tail -5 "$work/pgbench.out"
    return 1
  }
  ! grep -qi error "$work/pgbench.out"
}

claimed() { sql -d load_claims -c "select count(distinct session_id), count(*) from claims"; }

each_once() {
  sql -d load_claims -c 'select waiting_sessions()' > /dev/null
  work_off 40 "call work(:client_id, false, '1 minute')" || return
  [ "$(claimed)" = '1000|1000' ] && [ "$(sql -d load_claims -c "select count(*) from payments.checkout_sessions where status = 'open'")" = 1000 ] &&
    [ "$(sql -d load_claims -c 'select count(*) from payments.request_leases')" = 0 ]
}

the_dead_are_replaced() {
  sql -d load_claims -c 'select waiting_sessions()' > /dev/null
  work_off 60 "\\set dies random(1, 10)
call work(:client_id, :dies = 1, '1 second')" || return
  sleep 1.1
  work_off 60 "call work(:client_id, false, '1 minute')" || return
  [ "$(sql -d load_claims -c "select count(*) from payments.checkout_sessions where status = 'open'")" = 1000 ] &&
    [ "$(sql -d load_claims -c 'select count(distinct session_id), max(attempt) > 1 from claims')" = '1000|t' ] &&
    [ "$(sql -d load_claims -c 'select count(*) from (select from claims group by session_id, attempt having count(*) > 1) twice')" = 0 ]
}

the_control_gives_them_to_several() {
  sql -d load_claims -c 'select waiting_sessions()' > /dev/null
  work_off 10 'select careless_claim(:client_id);' || return
  [ "$(sql -d load_claims -c 'select count(*) > count(distinct session_id) from claims')" = t ]
}

check '8 workers claim 1,000 sessions: each has one worker' each_once
check 'where workers die, others claim again: each attempt has one worker' the_dead_are_replaced
check 'without a lease that decides, several have one (control)' the_control_gives_them_to_several
sql -d postgres -c 'drop database load_claims'
finish
