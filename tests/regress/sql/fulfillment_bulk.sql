-- Many payments of one statement are given many at a time. What comes of it is what comes of giving them one by one,
-- also where some of them are not usual, or fail.

set client_min_messages = warning;
select payments.create_app_tables();
select payments.set_credit_benefit('test', 'price_pack', 100);
select payments.set_credit_benefit('test', 'price_extra', 7);
select payments.set_entitlement_benefit('test', 'price_pack', 'course', '1 month');
select payments.set_credit_benefit('test', 'prod_unknown', 5);
create function bought(price text, n int) returns jsonb language sql immutable as $$
  select jsonb_build_array(jsonb_build_object('price', price, 'quantity', 1 + n % 3),
                           jsonb_build_object('price', 'price_extra', 'quantity', 1))
$$;
create table kinds (n int, order_of int, amount bigint default 2000, refunded bigint default 0,
                    price text default 'price_pack', who text, order_id text, by_user boolean default false);
-- the last four are second payments of the first four sessions
insert into kinds (n) select generate_series(1, 604);
update kinds set who = 'user_' || n, order_of = n;
update kinds set who = 'often' where n % 50 = 1;                     -- many payments of one user, some in one part
update kinds set order_of = n - 1 where n % 40 = 2;                  -- two payments of one order
update kinds set order_of = n + 1 where n % 40 = 4;                  -- the later names it first
update kinds set amount = 10 where n % 30 = 5;                       -- pays too little
update kinds set refunded = 2000 where n % 30 = 6;                   -- arrives refunded
update kinds set refunded = 500 where n % 30 = 7;                    -- and in part
update kinds set price = 'price_none' where n % 30 = 8;              -- gives nothing
update kinds set price = 'price_late' where n % 30 = 9;              -- of a product that is not known
update kinds set order_id = 'no uuid' where n % 60 = 10;
update kinds set order_id = md5('nowhere ' || n)::uuid where n % 60 = 11;
update kinds set order_of = null where n % 60 = 12;                  -- no order at all
update kinds set who = null where n % 60 = 13;                       -- a guest
update kinds set by_user = true where n % 15 = 14;                   -- opened by the user, not by a backend
insert into orders (id, user_id, amount, currency, line_items)
select md5('order ' || n)::uuid, who, 2000, 'eur', case when n % 30 = 14 then bought(price, n) end from kinds;
update orders set status = 'canceled' where id = md5('order 14')::uuid;
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, created_by, line_items,
                                        success_url, cancel_url, metadata, stripe_checkout_session_id,
                                        stripe_payment_intent_id)
select md5('session ' || n)::uuid, 'test', 'payment', case when who is not null then 'user' end, who,
       case when by_user then who end,
       bought(price, n), 'https://a.example', 'https://a.example',
       jsonb_strip_nulls(jsonb_build_object('order_id', coalesce(order_id, md5('order ' || order_of)::uuid::text))),
       'cs_' || n, 'pi_' || n
  from kinds where n <= 600;
insert into payments.payment_history (id, environment, type, status, stripe_checkout_session_id,
                                      stripe_payment_intent_id, amount, currency)
select md5('payment ' || n)::uuid, 'test', 'one_time_payment', 'pending', case when n <= 600 then 'cs_' || n end,
       case when n > 600 then 'pi_' || n - 600 end, amount, 'eur' from kinds;

create procedure pay_all() language sql as $$
  update payments.payment_history p
     set status = case when k.refunded = 0 then 'succeeded' when k.refunded < p.amount then 'partially_refunded'
         else 'refunded' end,
         amount_refunded = k.refunded, paid_at = timestamptz '2026-01-31 00:00+00' + k.n * interval '1 hour'
    from (select * from kinds order by n) k
   where p.id = md5('payment ' || k.n)::uuid
$$;
create view outcome as
  select 'order' as what, to_jsonb(o) - '{created_at,updated_at}'::text[] as line from orders o
   union all select 'line',
       jsonb_build_object('subject', l.subject_id, 'delta', l.delta, 'reason', l.reason, 'source', l.source)
     from credit_ledger l
   union all select 'balance',
       jsonb_build_object('subject', subject_id, 'sum', sum(delta),
                          'last', (array_agg(balance_after order by id desc))[1]) from credit_ledger group by subject_id
   union all select 'key', to_jsonb(e) - '{id,created_at,updated_at}'::text[] from user_entitlements e
   union all select 'job', to_jsonb(j) - '{id,run_at,created_at,updated_at}'::text[] from fulfillment_jobs j
   union all select 'decision', to_jsonb(f) - '{id,created_at,updated_at}'::text[] from payments.fulfillments f;

-- in one statement
begin;
call pay_all();
create table at_once as table outcome;
-- each savepoint writes under a number of its own
select count(distinct xmin::text) < 100 as many_at_a_time, count(*) from credit_ledger;
savepoint here;

-- again in the same transaction: nothing is given twice
update payments.payment_history set status = status;
select count(*) from (table at_once except all table outcome) d;
rollback to here;
commit;
select kind, state, count(*) from payments.fulfillments group by 1, 2 order by 1, 2;
select bool_and(agrees), count(*)
  from (select balance_after = sum(delta) over (partition by subject_id order by id) as agrees from credit_ledger) l;

-- one by one, by row triggers of one's own, the jobs before the orders that they name
truncate orders, credit_ledger, user_entitlements, fulfillment_jobs, payments.fulfillments;
insert into orders (id, user_id, amount, currency, line_items)
select md5('order ' || n)::uuid, who, 2000, 'eur', case when n % 30 = 14 then bought(price, n) end from kinds;
update orders set status = 'canceled' where id = md5('order 14')::uuid;
alter table payments.payment_history disable trigger user;
update payments.payment_history set status = 'pending', amount_refunded = null, paid_at = null;
alter table payments.payment_history enable trigger user;
alter table payments.payment_history disable trigger project_payments_updated;
create trigger a_jobs after update on payments.payment_history
  for each row execute function payments.project_fulfillment_job();
create trigger b_orders after update on payments.payment_history for each row execute function payments.project_order();
create trigger c_credits after update on payments.payment_history
  for each row execute function payments.project_credits();
create trigger d_entitlements after update on payments.payment_history
  for each row execute function payments.project_entitlements();
call pay_all();
select count(distinct xmin::text) < 100 as many_at_a_time, count(*) from credit_ledger;
drop trigger a_jobs on payments.payment_history;
drop trigger b_orders on payments.payment_history;
drop trigger c_credits on payments.payment_history;
drop trigger d_entitlements on payments.payment_history;
select what, line from (table at_once except all table outcome) d order by 1, 2 limit 10;
select what, line from (table outcome except all table at_once) d order by 1, 2 limit 10;
select what, count(*) from at_once group by 1 order by 1;

-- the same by statement triggers of one's own, whatever they call their transition tables
truncate orders, credit_ledger, user_entitlements, fulfillment_jobs, payments.fulfillments;
insert into orders (id, user_id, amount, currency, line_items)
select md5('order ' || n)::uuid, who, 2000, 'eur', case when n % 30 = 14 then bought(price, n) end from kinds;
update orders set status = 'canceled' where id = md5('order 14')::uuid;
alter table payments.payment_history disable trigger user;
update payments.payment_history set status = 'pending', amount_refunded = null, paid_at = null;
alter table payments.payment_history enable trigger user;
alter table payments.payment_history disable trigger project_payments_updated;
create trigger a_jobs after update on payments.payment_history referencing old table as o new table as n
  for each statement execute function payments.project_fulfillment_job();
create trigger b_orders after update on payments.payment_history referencing new table as "New" old table as "Old"
  for each statement execute function payments.project_order();
create trigger c_credits after update on payments.payment_history referencing old table as x new table as y
  for each statement execute function payments.project_credits();
create trigger d_entitlements after update on payments.payment_history
  referencing old table as before new table as after
  for each statement execute function payments.project_entitlements();
call pay_all();
select count(distinct xmin::text) < 100 as many_at_a_time, count(*) from credit_ledger;
drop trigger a_jobs on payments.payment_history;
drop trigger b_orders on payments.payment_history;
drop trigger c_credits on payments.payment_history;
drop trigger d_entitlements on payments.payment_history;
alter table payments.payment_history enable trigger project_payments_updated;
select what, line from (table at_once except all table outcome) d order by 1, 2 limit 10;
select what, line from (table outcome except all table at_once) d order by 1, 2 limit 10;

-- a statement trigger without its transition tables sees nothing, and says so
create trigger blind after update on payments.payment_history referencing new table as n
  for each statement execute function payments.project_order();
update payments.payment_history set description = 'seen by nobody';
drop trigger blind on payments.payment_history;

-- what was paid before anything was attached is not given because something else of it changes
truncate orders, credit_ledger, user_entitlements, fulfillment_jobs, payments.fulfillments;
update payments.payment_history set description = 'an import of old payments';
select count(*) from payments.fulfillments;

-- a table that refuses one of them: that one has failed, the others are given
truncate orders, credit_ledger, user_entitlements, fulfillment_jobs, payments.fulfillments;
alter table payments.payment_history disable trigger user;
update payments.payment_history set status = 'pending', amount_refunded = null, paid_at = null;
alter table payments.payment_history enable trigger user;
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not for %', new.user_id; end $$;
create trigger refuse before insert on user_entitlements
  for each row when (new.user_id = 'user_303') execute function refuse();
call pay_all();
select item, state, reason from payments.fulfillments
 where source = 'checkout:' || md5('session 303')::uuid and kind <> 'fulfillment_jobs' order by 1;
select kind, state, count(*) from payments.fulfillments where kind in ('credit_ledger', 'user_entitlements')
 group by 1, 2 order by 1, 2;
select count(*) from credit_ledger where source like '%price_pack';
drop trigger refuse on user_entitlements;
select payments.retry_fulfillments('test') >= 1 as mended;
select state from payments.fulfillments
 where source = 'checkout:' || md5('session 303')::uuid and kind = 'user_entitlements';

-- a trigger of the app's that changes another payment meanwhile, and a statement that is undone
truncate orders, credit_ledger, user_entitlements, fulfillment_jobs, payments.fulfillments;
alter table payments.payment_history disable trigger user;
update payments.payment_history set status = 'pending', amount_refunded = null, paid_at = null;
alter table payments.payment_history enable trigger user;
create function refunds_next() returns trigger language plpgsql as $$
begin
  update payments.payment_history set status = 'refunded', amount_refunded = amount
   where id = md5('payment ' || (substr(new.stripe_checkout_session_id, 4)::int + 1))::uuid and status = 'succeeded';
  return null;
end $$;
create trigger zz_refunds_next after update on payments.payment_history
  for each row when (new.stripe_checkout_session_id ~ '^cs_[0-9]*00$' and new.status = 'succeeded')
    execute function refunds_next();
do $$
begin
  begin
    call pay_all();
    raise exception 'undone';
  exception when raise_exception then null;
  end;
  if exists (select from credit_ledger) then raise exception 'something stayed'; end if;
  call pay_all();
end $$;
drop trigger zz_refunds_next on payments.payment_history;
select source = 'checkout:' || md5('session 101')::uuid as of_next, state, item from payments.fulfillments
 where state = 'reversed'
   and source in (select 'checkout:' || md5('session ' || n * 100 + 1)::uuid from generate_series(1, 5) n)
   and kind = 'credit_ledger' and item like '%pack'
 order by source = 'checkout:' || md5('session 101')::uuid;
select count(*), sum(delta) from credit_ledger
 where source like '%price_pack%' and source like '%' || md5('session 101')::uuid || '%';
