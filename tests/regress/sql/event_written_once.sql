-- An event's row is written once, with its outcome, where nothing of an app's can see it before; else first as pending,
-- then again. That of an event that fails is written again with the error.
select payments.set_webhook_secret('test', 'whsec_test') is not null as set;
create sequence stripe_time;
create function event(id text, type text, object jsonb) returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'object', 'event', 'type', type, 'created', 1700000000 + nextval('stripe_time'),
                            'livemode', false, 'data', jsonb_build_object('object', object))
$$;
-- How often rows of webhook_events are inserted and updated for one event, and its answer.
create function writes(id text, type text, object jsonb, out inserted bigint, out updated bigint, out answer text)
language plpgsql as $$
declare
  before record;
begin
  select n_tup_ins, n_tup_upd into before
    from pg_stat_xact_user_tables where relid = 'payments.webhook_events'::regclass;
  answer := payments.apply_stripe_event('test', event(id, type, object)) ->> 'status';
  select n_tup_ins - before.n_tup_ins, n_tup_upd - before.n_tup_upd into inserted, updated
    from pg_stat_xact_user_tables where relid = 'payments.webhook_events'::regclass;
end
$$;
\set customer '{"id": "cus_1", "object": "customer", "email": "ada@example.com"}'
\set unreadable '{"id": "ch_1", "object": "charge", "amount": 1.5, "currency": "usd"}'
select * from writes('evt_1', 'customer.created', :'customer');
select * from writes('evt_2', 'payout.paid', '{"id": "po_1"}');
select * from writes('evt_3', 'charge.succeeded', :'unreadable');
-- An app's own trigger that raises fails the event.
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not today'; end $$;
create trigger refuse before insert or update on payments.customers for each row execute function refuse();
select * from writes('evt_4', 'customer.updated', '{"id": "cus_1", "object": "customer", "email": "eve@example.com"}');
drop trigger refuse on payments.customers;
select stripe_event_id, processing_status, attempt_count, processed_at is not null as done,
       folded(last_error, 50) as last_error
  from payments.webhook_events order by stripe_event_id;
-- A second delivery is a duplicate; of what failed it runs again.
select * from writes('evt_1', 'customer.created', :'customer');
select * from writes('evt_4', 'customer.updated', '{"id": "cus_1", "object": "customer", "email": "eve@example.com"}');
select attempt_count, processing_status from payments.webhook_events where stripe_event_id = 'evt_4';
-- A trigger, a foreign key, a publication: with each of them the row is there before its outcome.
create table seen (event text, was text, status text);
grant insert on seen to payments_definer;
create function see() returns trigger language plpgsql as $$
begin
  insert into seen
  values (new.stripe_event_id, case tg_op when 'UPDATE' then old.processing_status end, new.processing_status);
  return null;
end
$$;
create trigger see after insert or update on payments.webhook_events for each row execute function see();
select * from writes('evt_5', 'customer.updated', :'customer');
select * from seen;
drop trigger see on payments.webhook_events;
-- A second delivery inserts nothing, so it fires no trigger of an INSERT.
create function count_insert() returns trigger language plpgsql as $$
begin
  insert into seen values (new.stripe_event_id, 'nothing');
  return new;
end
$$;
create trigger count_insert before insert on payments.webhook_events for each row execute function count_insert();
select * from writes('evt_7', 'customer.updated', :'customer');
select * from writes('evt_7', 'customer.updated', :'customer');
drop trigger count_insert on payments.webhook_events;
select count(*) as fired from seen where event = 'evt_7';
select * from writes('evt_6', 'customer.updated', :'customer');
create table notes (event uuid references payments.webhook_events);
select * from writes('evt_9', 'customer.updated', :'customer');
drop table notes;
select * from writes('evt_10', 'customer.updated', :'customer');
set client_min_messages = error; -- wal_level is not logical
create publication events for table payments.webhook_events;
select * from writes('evt_11', 'customer.updated', :'customer');
drop publication events;
create publication everything for all tables;
select * from writes('evt_12', 'customer.updated', :'customer');
drop publication everything;
create publication ours for tables in schema payments;
select * from writes('evt_13', 'customer.updated', :'customer');
drop publication ours;
select * from writes('evt_14', 'customer.updated', :'customer');
-- The row is there before anything of the app's runs. So a trigger that writes one for the same event fails, and so
-- does the event.
create function meddle() returns trigger language plpgsql as $$
begin
  insert into payments.webhook_events (environment, stripe_event_id, event_type)
  values ('test', 'evt_15', 'customer.updated');
  return null;
end
$$;
create trigger meddle after insert or update on payments.customers for each row execute function meddle();
select payments.apply_stripe_event('test', event('evt_15', 'customer.updated',
         '{"id": "cus_1", "object": "customer", "email": "new@example.com"}')) ->> 'status' as status;
drop trigger meddle on payments.customers;
select processing_status, left(last_error, 6) as sqlstate from payments.webhook_events where stripe_event_id = 'evt_15';
-- What a payment's row was made from, by its id.
create view paid as select id from payments.payment_history;
select payments.apply_stripe_event('test', event('evt_20', 'checkout.session.completed',
       '{"id": "cs_1", "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid",
         "amount_total": 500, "currency": "usd", "payment_intent": "pi_1"}')) ->> 'status' as status;
select payments.apply_stripe_event('test', event('evt_21', 'payment_intent.succeeded',
       '{"id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 500, "amount_received": 500,
         "currency": "usd", "description": "as Stripe wrote it"}')) ->> 'status' as status;
select f.object_type, f.object_id, f.event_id, f.event_created_at at time zone 'UTC' as event_created_at,
       f.fact ->> 'status' as fact, f.snapshot ->> 'description' as snapshot
  from paid p, payments.payment_facts(p.id) f;
select raw from payments.payment_history;
select count(*) as of_nothing from payments.payment_facts(gen_random_uuid());
-- A large body is compressed and stays in its row.
select payments.apply_stripe_event('test', event('evt_30', 'payout.paid', jsonb_build_object('id', 'po_2',
         'description', repeat('x', 3000) || (select string_agg(md5(n::text), '') from generate_series(1, 100) n))))
       ->> 'status' as status;
select octet_length(e.payload::text) > 6000 as is_large, pg_column_size(e.payload) < 4000 as is_compressed,
       pg_relation_size(c.reltoastrelid) as out_of_line
  from payments.webhook_events e join pg_class c on c.oid = e.tableoid where e.stripe_event_id = 'evt_30';
