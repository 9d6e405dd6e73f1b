#!/usr/bin/env bash
# Everything is granted to everybody, and a superuser calls one of our functions. An admin's trigger then calls the functions
# behind the public ones. They must not take the trigger for the superuser.
. "$(dirname "$0")/../attack.sh"
q -v who=public -f "$here/sql/open_everything.sql"
cat > "$SCRATCH/set_up.sql" <<'S'
create role evil login;
grant create on schema public to evil;
select payments.grant_role('evil', 'admin');
-- Only a superuser may register these, because they would run as him.
create table public.of_superuser (team text, member text);
create table public.orders_of_superuser (id text primary key, user_id text, status text, amount bigint, currency text);
create function public.of_superuser(user_id text, subject_id text) returns boolean language sql as 'select true';
create function public.of_evil(user_id text, subject_id text) returns boolean language sql as 'select true';
alter function public.of_evil(text, text) owner to evil;
grant all on public.of_superuser, public.orders_of_superuser to public;
create table public.trials (turn integer, what text);
insert into public.trials (what) values
  ('select payments.outer_role()'),
  ($$select payments.protect_subject_type_body('team', 'public.of_superuser', 'team', 'member', null, null, null)$$),
  ($$select payments.protect_subject_type_body('crew', 'public.of_superuser(text,text)'::regprocedure, null)$$),
  ($$select payments.attach_body('orders', 'public.orders_of_superuser', '{"allow_superuser_owner": true}')$$),
  ($$select payments.protect_subject_type('team2', 'public.of_superuser', 'team', 'member')$$),
  ($$select payments.protect_subject_type('crew2', 'public.of_evil(text,text)', 'public.of_superuser(text,text)')$$),
  ($$select payments.attach('orders', 'public.orders_of_superuser', '{"allow_superuser_owner": true}')$$),
  ($$select payments.revoke_role_body('project_admin', 'admin')$$);
update public.trials set turn = 1;
grant all on public.trials to public;
create table public.said (what text, result text);
grant all on public.said to public;
create function public.hook() returns trigger language plpgsql as $$
declare
  attempt text;
  result text;
begin
  -- In one of the calls, each attempt is the first.
  for attempt in select t.what from public.trials t order by t.turn loop
    begin
      if attempt like 'select %' then execute attempt into result; else execute attempt; result := 'done'; end if;
    exception when others then
      result := 'refused: ' || sqlerrm;
    end;
    insert into public.said values (attempt, result);
  end loop;
  return new;
end
$$;
revoke execute on function public.hook() from public;
alter function public.hook() owner to evil;
S
q -f "$SCRATCH/set_up.sql"
q -c "insert into payments.checkout_sessions (id, environment, mode, line_items, success_url, cancel_url)
      select ('00000000-0000-0000-0000-0000000000' || n)::uuid, 'test', 'payment', '[{\"price\": \"p\", \"quantity\": 1}]', 'https://a.example', 'https://a.example' from generate_series(10, 39) n" > /dev/null
for table in customers checkout_sessions benefits stripe_connections webhook_events products prices payment_history; do
  q -U evil -c "create trigger hook before insert or update on payments.$table for each row execute function public.hook()"
done
said() { q -c "select distinct what, left(result, 120) from public.said"; }
superuser_said() { is_true "select count(*) > 0 from public.said where what like '%outer_role%' and result in (select rolname from pg_roles where rolsuper)"; }
registered() { is_true "select count(*) > 0 from payments.subject_types where said_by_superuser or use_said_by_superuser"; }
attached() { is_true "select count(*) > 0 from payments.attachments where target = 'public.orders_of_superuser'"; }
silent() { is_true "select count(*) = 0 from public.said"; }
# tries NAME SQL: a superuser calls a public function that fires one of these triggers, once for each trial.
tries() {
  local name=$1
  shift
  q -c "truncate public.said, payments_registry.subject_types" -c "delete from payments.attachments where target = 'public.orders_of_superuser'" > /dev/null
  for first in $(seq "$(q -c "select count(*) from public.trials")"); do
    q -c "update public.trials set turn = (n = $first)::int * -1 from (select what as w, row_number() over (order by what) as n from public.trials) o where w = what" \
      -c "${1//@/$first}" > "$SCRATCH/$name.$first"
  done
  grep -h ERROR "$SCRATCH/$name".* | sort | uniq -c | head -3
  echo "# $name"
  said | sed 's/^/#   /'
  attack "$name: no trigger fired" silent
  attack "$name: the trigger speaks as a superuser" superuser_said
  attack "$name: a superuser's relation is registered" registered
  attack "$name: a superuser's table is attached" attached
}
tries set_credit_benefit "select payments.set_credit_benefit('test', 'price_d@', 2)"
tries set_entitlement_benefit "select payments.set_entitlement_benefit('test', 'price_d@', 'gold')"
tries set_stripe_account "select payments.set_stripe_account('test', 'acct_1@')"
tries record_stripe_error "select payments.record_stripe_error('00000000-0000-0000-0000-00000000001@', 'x')"
tries record_stripe_response "select payments.record_stripe_response('00000000-0000-0000-0000-00000000002@', '{\"id\":\"cs_test_2@\",\"object\":\"checkout.session\",\"url\":\"https://checkout.stripe.com/x\",\"status\":\"open\",\"livemode\":false}')"
tries apply_stripe_event "select public.customer('a@')"
tries sync_stripe_objects "select payments.sync_stripe_objects('test', '[{\"id\":\"cus_s@\",\"object\":\"customer\",\"created\":1752000063,\"livemode\":false}]')"
tries rebuild_projections "select payments.rebuild_projections('test')"
tries create_checkout_session "select payments.create_checkout_session('test', 'payment', '[{\"price\":\"price_c\",\"quantity\":1}]', 'https://a.example', 'https://a.example')"

# A superuser may register his own relations, and so may a role that the functions take for a superuser.
q -c "select payments.protect_subject_type('mine', 'public.of_superuser', 'team', 'member')"
control "a superuser registers his own" registered
q -c "create function public.as_owner() returns trigger language plpgsql security definer as 'begin insert into public.said values (''outer_role'', current_user); return new; end'" \
  -c "create trigger old_kind before insert on payments.customers for each row execute function public.as_owner()" -c "select public.customer('b')"
control "a trigger function that is a superuser's SECURITY DEFINER" superuser_said
