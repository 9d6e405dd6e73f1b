-- An app's table that is dropped, renamed, altered or locked away makes a failed fulfillment, never a lost payment; the
-- others go on, and it is completed after the repair.

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
  insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                          cancel_url, metadata, stripe_checkout_session_id)
  values (md5(name)::uuid, 'test', 'payment', 'user', 'ada', '[{"price": "price_x", "quantity": 1}]',
          'https://a.example', 'https://a.example',
          jsonb_build_object('order_id', md5(name)::uuid), 'cs_' || name);
  insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency,
                                        paid_at)
  values ('test', 'one_time_payment', 'succeeded', 'cs_' || name, 2000, 'eur', '2026-01-01 00:00+00');
$$;
create function story(name text) returns table (kind text, state text, attempts int, sqlstate text, reason text)
  language sql as $$
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

-- a source that somebody wrote by hand names no session, and stops nothing
begin;
insert into payments.fulfillments (environment, source, kind, target_table, item, state, reason)
values ('test', 'checkout:1', 'credit_ledger', 'public.credit_ledger', 'undecided:price_y', 'failed', 'by hand'),
       ('test', 'checkout:2', 'orders', 'public.orders', md5('altered')::uuid::text, 'needs_review', 'by hand');
select payments.retry_fulfillments(), payments.retry_fulfillments(reference => 'checkout:1');
select payments.apply_stripe_event('test', '{"id": "evt_y", "object": "event", "type": "price.updated",
  "created": 1752000000, "livemode": false, "data": {"object": {"id": "price_y", "object": "price",
  "product": "prod_y", "active": true, "currency": "eur", "unit_amount": 5, "type": "one_time"}}}') ->> 'status';
update payments.payment_history set status = 'refunded', amount_refunded = amount
 where stripe_checkout_session_id = 'cs_altered';
select kind, state, reason from story('altered');
rollback;

-- a trigger of the app's that raises
create function refuse() returns trigger language plpgsql as $$
  begin raise exception 'no credits today' using errcode = 'P0001'; end $$;
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
select kind, target_table, item, order_id = md5('dropped')::uuid::text as its_order from payments.review;
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

-- renamed and attached again: what was given stays known, and is taken back once
call buy('moved');
call pay('moved');
alter table orders rename to purchases;
alter table credit_ledger rename to points;
set client_min_messages = notice;
select payments.create_app_tables();
set client_min_messages = warning;
select to_regclass('orders') as orders, to_regclass('credit_ledger') as credit_ledger;
select payments.attach('orders', 'purchases', '{"allow_superuser_owner": true}');
select payments.attach('credit_ledger', 'points', '{"allow_superuser_owner": true}');
select kind, relation, target from payments.attachments where kind in ('orders', 'credit_ledger') order by kind;
update payments.payment_history set status = 'refunded', amount_refunded = 2000
 where stripe_checkout_session_id = 'cs_moved';
select status from purchases where id = md5('moved')::uuid;
select delta, reason from points where source like 'checkout:' || md5('moved')::uuid || '%' order by id;
select kind, target_table, state from payments.fulfillments where source = 'checkout:' || md5('moved')::uuid
 order by kind, target_table;
-- so it is when two tables change names, and when a third takes the name of one that is gone
create table returns (like purchases including all);
select payments.attach('orders', 'returns', '{"allow_superuser_owner": true}');
alter table purchases rename to passing;
alter table returns rename to purchases;
alter table passing rename to returns;
select payments.attach('orders', 'returns', '{"allow_superuser_owner": true}');
drop table purchases;
alter table returns rename to purchases;
select payments.attach('orders', 'purchases', '{"allow_superuser_owner": true}');
select relation, target is not null as is_there
  from payments.attachments where kind = 'orders' order by created_at, relation;
select split_part(target_table, ' ', 1) as target_table, target_table like '% until %' as aside, count(*)
  from payments.fulfillments where kind = 'orders' group by 1, 2 order by 1, 2;

-- detached: what waits for the table waits no longer
call pay('without an order');
select state, reason from payments.review;
select payments.detach('orders', 'purchases');
select count(*) from payments.review;
select state, reason from payments.fulfillments
 where source = 'checkout:' || md5('without an order')::uuid and kind = 'orders';

-- a superuser's word counts for the tables that are made upon it, not for one that was there
create schema found;
create role somebody superuser;
create table found.orders (id uuid primary key, user_id text, status text, amount bigint, currency text);
alter table found.orders owner to somebody;
select payments.create_app_tables('found');
select payments.attach('orders', 'found.orders', '{"allow_superuser_owner": true}');
select payments.create_app_tables('found');
drop schema found cascade;
drop role somebody;

-- orders that are nobody's are taken with a warning
create table nobodys (id uuid primary key, status text, amount bigint, currency text);
select payments.attach('orders', 'nobodys', '{"allow_superuser_owner": true}');
