-- An app's table that is dropped, renamed, altered or locked away makes a failed fulfilment, never a lost payment; the others go
-- on, and it is completed after the repair.

set client_min_messages = warning;
select payments.create_app_tables();
select payments.set_credit_benefit('test', 'price_x', 10);
select payments.set_entitlement_benefit('test', 'price_x', 'course');
create procedure buy(name text) language plpgsql as $$
begin
  insert into orders (id, user_id, amount, currency) values (md5(name)::uuid, 'ada', 2000, 'eur');
exception when undefined_table or undefined_column then null;
end $$;
create procedure pay(name text) language sql as $$
  insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url, cancel_url, metadata, stripe_checkout_session_id)
  values (md5(name)::uuid, 'test', 'payment', 'user', 'ada', '[{"price": "price_x", "quantity": 1}]', 'https://a.example', 'https://a.example',
          jsonb_build_object('order_id', md5(name)::uuid), 'cs_' || name);
  insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency, paid_at)
  values ('test', 'one_time_payment', 'succeeded', 'cs_' || name, 2000, 'eur', '2026-01-01 00:00+00');
$$;
create function story(name text) returns table (kind text, state text, attempts int, sqlstate text, reason text) language sql as $$
  select f.kind, f.state, f.attempts, f.sqlstate, f.reason from payments.fulfillments f
   where f.source = 'checkout:' || md5(name)::uuid and f.kind <> 'fulfillment_jobs' order by 1
$$;

-- renamed: found by what it is, not by its name
call buy('renamed');
alter table orders rename to orders_of_old;
call pay('renamed');
select * from story('renamed');
alter table orders_of_old rename to orders;

-- altered
call buy('altered');
alter table orders rename status to progress;
call pay('altered');
select * from story('altered');
select payments.retry_fulfillments();
alter table orders rename progress to status;
select payments.retry_fulfillments('test');
select * from story('altered');
select payments.retry_fulfillments();

-- a trigger of the app's that raises
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no credits today' using errcode = 'P0001'; end $$;
create trigger refuse before insert on credit_ledger for each row execute function refuse();
call buy('refused');
call pay('refused');
select * from story('refused');
-- what the price buys changes meanwhile: what was bought stays as it was promised
select payments.set_credit_benefit('test', 'price_x', 99);
drop trigger refuse on credit_ledger;
select payments.retry_fulfillments();
select delta, balance_after, reason from credit_ledger order by id;

-- dropped
drop table user_entitlements;
call buy('dropped');
call pay('dropped');
select * from story('dropped');
select kind, target, what, order_id = md5('dropped')::uuid::text as its_order from payments.review;
select payments.create_app_tables();
select payments.retry_fulfillments();
select user_id, key, active from user_entitlements;
select * from story('dropped');

-- locked away: by row security that is forced upon its owner
create role app_owner;
alter table orders owner to app_owner;
alter table orders force row level security;
call buy('locked');
call pay('locked');
select * from story('locked');
alter table orders no force row level security;
select payments.retry_fulfillments();
select * from story('locked');

select type, status, count(*) as payments from payments.payment_history group by 1, 2;
select count(*) as open from payments.review;
