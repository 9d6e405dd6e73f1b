-- End users read their own rows of the app's tables and nothing else; one line of a policy is a paywall; only who owns
-- a subject may spend its credits.

set client_min_messages = warning;
select payments.create_app_tables();
select payments.set_credit_benefit('test', 'price_x', 10),
       payments.set_entitlement_benefit('test', 'price_x', 'course');
create table team_members (team_id text, user_id text);
insert into team_members values ('7', 'ada'), ('7', 'bob'), ('8', 'eve');
select payments.protect_subject_type('team', 'team_members', 'team_id', 'user_id');
create procedure buy(id int, subject_type text, subject_id text, owner text) language sql as $$
  insert into orders (id, user_id, amount, currency, line_items)
  values (md5(id::text)::uuid, owner, 2000, 'eur', '[{"price": "price_x"}]');
  insert into payments.checkout_sessions (id, environment, mode, created_by, subject_type, subject_id, line_items,
                                          success_url, cancel_url, metadata, stripe_checkout_session_id)
  values (md5(id::text)::uuid, 'test', 'payment', owner, subject_type, subject_id,
          '[{"price": "price_x", "quantity": 1}]', 'https://a.example', 'https://a.example',
          jsonb_build_object('order_id', md5(id::text)::uuid), 'cs_' || id);
  insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency,
                                        paid_at)
  values ('test', 'one_time_payment', 'succeeded', 'cs_' || id, 2000, 'eur', '2026-01-01 00:00+00');
$$;
call buy(1, 'user', 'ada', 'ada');
call buy(2, 'team', '7', 'ada');
call buy(3, 'user', 'eve', 'eve');
insert into payments.subscriptions (environment, stripe_subscription_id, subject_type, subject_id, status,
                                    current_period_end)
values ('test', 'sub_7', 'team', '7', 'active', '2999-01-01'), ('test', 'sub_8', 'team', '8', 'canceled', '2999-01-01'),
       ('test', 'sub_9', 'team', '9', 'active', '2000-01-01');

-- the app's own paywalled tables
create table lessons (course text, title text);
insert into lessons values ('course', 'one'), ('other', 'two');
alter table lessons enable row level security;
create policy bought on lessons for select using (course in (select payments.my_entitlements()));
create table reports (team_id text, title text);
insert into reports values ('7', 'seven'), ('8', 'eight'), ('9', 'nine');
alter table reports enable row level security;
create policy subscribed on reports for select using (team_id in (select payments.my_active_subscriptions('team')));
grant select on lessons, reports to authenticated, anon;

create procedure look_as(who text) language plpgsql as $$
begin
  perform set_config('request.jwt.claims', json_build_object('sub', who, 'role', 'authenticated')::text, true);
  set local role authenticated;
end $$;
create view mine with (security_invoker = true) as
  select (select count(*) from orders) as orders,
         (select string_agg(subject_type || ' ' || subject_id || ' ' || delta, ', ' order by id) from credit_ledger)
         as ledger,
         (select string_agg(key || ' of ' || coalesce(user_id, ''), ', ' order by user_id) from user_entitlements)
             as entitlements,
         (select string_agg(team_id || ' ' || status, ', ') from team_billing_status) as billing,
         (select string_agg(title, ', ') from lessons) as lessons,
         (select string_agg(title, ', ') from reports) as reports,
         payments.has_entitlement('course') as entitled, payments.has_active_subscription('team', '7') as subscribed,
         payments.credit_balance('team', '7') as team_credits, payments.credit_balance('user', 'ada') as adas_credits;
grant select on mine to authenticated;

begin; call look_as('ada'); table mine; rollback;
begin; call look_as('bob'); table mine; rollback;
begin; call look_as('eve'); table mine; rollback;
begin; call look_as(null); table mine; rollback;

-- a guest gets an answer, namely nothing; null is a key that nobody holds
begin; set local role anon;
select payments.credit_balance('user', 'ada'), (select count(*) from payments.my_credit_balances('user')) as balances;
rollback;
begin; call look_as('ada'); select payments.has_entitlement(null); rollback;

-- what a database's default privileges give away is taken back: nobody but payments appends to the ledger
begin;
alter default privileges grant all on tables to anon, authenticated, service_role;
alter default privileges grant all on sequences to anon, authenticated, service_role;
create schema other;
select payments.create_app_tables('other');
select c.relname, a.grantee::regrole, string_agg(a.privilege_type, ' ' order by a.privilege_type) as privileges
  from pg_class c cross join lateral aclexplode(c.relacl) a
 where c.relnamespace = 'other'::regnamespace and c.relkind in ('r', 'S') and a.grantee <> c.relowner group by 1, 2
 order by 1, 2;
select tablename, policyname, cmd from pg_policies where schemaname = 'other' and policyname = 'admin' order by 1;
rollback;

-- nobody but the owner writes them
begin; call look_as('ada'); update orders set status = 'paid'; rollback;
begin; call look_as('ada');
insert into credit_ledger (subject_type, subject_id, delta, balance_after, reason, source)
values ('user', 'ada', 1, 1, 'purchase', 'x'); rollback;
begin; call look_as('ada'); insert into user_entitlements (user_id, key, source) values ('ada', 'all', 'x'); rollback;
begin; call look_as('ada'); select * from fulfillment_jobs; rollback;
begin; call look_as('ada'); select * from payments.fulfillments; rollback;
begin; call look_as('ada'); select payments.set_credit_benefit('test', 'price_x', 1000000); rollback;
begin; call look_as('ada'); select payments.change_balance('user', 'ada', 1000, 'purchase', 'x', null); rollback;
begin; call look_as('ada'); select payments.claim_jobs(1); rollback;
begin; set local role service_role; update credit_ledger set delta = 1000; rollback;
begin; set local role service_role; delete from payments.fulfillments; rollback;

-- spending: one's own, the team's, not another's
begin;
call look_as('bob');
select payments.spend_credits('team', '7', 4, 'k', 'report');
select payments.spend_credits('user', 'ada', 4, 'k', 'report');
rollback;
begin; call look_as('eve'); select payments.spend_credits('team', '7', 1, 'k', 'report'); rollback;
begin; set local role anon; select payments.spend_credits('team', '7', 1, 'k', 'report'); rollback;
begin; set local role service_role;
select payments.spend_credits('team', '7', 1, 'k', 'report'), payments.credit_balance('user', 'eve'); rollback;

-- what was bought for a team is the team's: who paid for it loses it with the membership
begin;
call buy(20, 'team', '8', 'carol');
call look_as('carol'); select payments.has_entitlement('course'); reset role;
insert into team_members values ('8', 'carol');
call look_as('carol'); select payments.has_entitlement('course');
rollback;
-- a backend asks for a user, whom it names; nobody else may
begin; set local role service_role;
select u, payments.has_entitlement('course', u), array(select payments.entitlements_of(u) e order by e) as keys
  from unnest(array['ada', 'bob', 'eve', 'nobody', '', null]) u;
select payments.has_entitlement(null, 'ada');
rollback;
begin; call look_as('ada'); select payments.has_entitlement('course', 'bob'); rollback;
begin; call look_as('ada'); select payments.entitlements_of('bob'); rollback;
-- a renewal that is told late locks nobody out; what is scheduled to end ends exactly then
create procedure look_at_7(end_of_period interval, at_end boolean, cancel_at interval) language plpgsql as $$
begin
  update payments.subscriptions
     set current_period_end = now() + end_of_period, cancel_at_period_end = at_end,
         cancel_at = now() + look_at_7.cancel_at
   where stripe_subscription_id = 'sub_7';
  call look_as('ada');
end
$$;
create view subscribed with (security_invoker = true) as
  select payments.has_active_subscription('team', '7') as one,
         array(select payments.my_active_subscriptions('team')) as of_many;
grant select on subscribed to authenticated;
begin; call look_at_7('-1 day', false, null); table subscribed; rollback;
begin; call look_at_7('-4 days', false, null); table subscribed; rollback;
begin; call look_at_7('-1 second', true, null); table subscribed; rollback;
begin; call look_at_7('-1 second', false, '-1 second'); table subscribed; rollback;
begin; call look_at_7('-1 second', false, '1 day'); table subscribed; rollback;
begin; set local payments.period_grace = '1h'; call look_at_7('-1 day', false, null); table subscribed; rollback;
begin; call look_as('ada'); set local payments.period_grace = '30d'; rollback;
drop view subscribed;
-- a clock that is behind Stripe's closes nothing
begin;
update user_entitlements set starts_at = now() + interval '10 seconds' where user_id = 'eve';
call look_as('eve'); select payments.has_entitlement('course');
rollback;

-- jobs, for the backend
begin;
update payments.payment_history set status = 'refunded', amount_refunded = amount
 where stripe_checkout_session_id = 'cs_1';
update fulfillment_jobs set run_at = now() - interval '1 hour', updated_at = now() - interval '1 hour'
 where source = 'checkout:' || md5('1')::uuid;
set local role service_role;
-- of one payment in the order in which it happened
select kind from payments.claim_jobs(2);
select bool_and(updated_at = now()) as touched from fulfillment_jobs where state = 'claimed';
rollback;
-- how many at once
begin; set local role service_role; select payments.claim_jobs(0); rollback;
begin; set local role service_role; select payments.claim_jobs(null); rollback;
begin; set local role service_role; select payments.claim_jobs(1001); rollback;
-- a worker has begun to take back what a refund returned, and then the refund fails: where the worker fails too, or is
-- never heard of again, nobody takes it back; a refund that stands is told of again
begin;
create procedure refunds(part numeric) language sql as $$
  update payments.payment_history
     set status = case part when 1 then 'refunded' when 0 then 'succeeded' else 'partially_refunded' end,
         amount_refunded = amount * part
   where stripe_checkout_session_id = 'cs_1' $$;
create view returned as select state, attempts from fulfillment_jobs where kind = 'payment_returned';
grant select on returned to service_role;
update fulfillment_jobs set state = 'done';
call refunds(1);
set local role service_role;
select kind from payments.claim_jobs(5);
select payments.fail_job(id, 'no connection') from fulfillment_jobs where state = 'claimed';
table returned;
update fulfillment_jobs set run_at = now() where state = 'pending';
select kind, attempts from payments.claim_jobs(5);
reset role;
call refunds(0.5);
set local role service_role;
select payments.fail_job(id, 'no connection') from fulfillment_jobs where state = 'claimed';
table returned;
reset role;
call refunds(1);
set local role service_role;
select kind, attempts from payments.claim_jobs(5);
update fulfillment_jobs set run_at = now() - interval '1 second' where state = 'claimed';
reset role;
call refunds(0);
set local role service_role;
select kind from payments.claim_jobs(5);
table returned;
rollback;
begin;
set local role service_role;
select kind, source, payload ->> 'order_id' as order_id, attempts from payments.claim_jobs(2) order by source;
select count(*) as left_over from payments.claim_jobs(10);
select payments.fail_job(id, 'the mail server is down') from fulfillment_jobs where state = 'claimed' order by source
 limit 1;
select payments.finish_job(id) from fulfillment_jobs where state = 'claimed';
select state, attempts, last_error, run_at > now() + interval '9 seconds' as later from fulfillment_jobs
 order by source;
update fulfillment_jobs set run_at = now(), attempts = 7, state = 'pending' where last_error is not null;
select payments.fail_job(id, 'still down') from payments.claim_jobs(1);
select state, attempts, last_error from fulfillment_jobs where last_error is not null;
-- a worker that never came back
update fulfillment_jobs set state = 'claimed', run_at = now() - interval '1 second', attempts = 8, last_error = null
 where state = 'dead';
select count(*) from payments.claim_jobs(10);
select state, last_error from fulfillment_jobs where attempts = 8;
rollback;

-- what survives DROP EXTENSION, and works again after CREATE EXTENSION
drop view mine;
drop policy bought on lessons;
drop policy subscribed on reports;
drop extension payments;
select count(*) from orders;
create extension payments;
call buy(4, 'user', 'ada', 'ada');
select count(*) from orders where status = 'paid';
