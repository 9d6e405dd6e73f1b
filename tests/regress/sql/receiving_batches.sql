-- Many events in one call: each is answered in its place, and fails alone.
select payments.create_app_tables() is not null as made;
create function body(n int, type text, object jsonb) returns text language sql as $$
  select jsonb_build_object('id', 'evt_' || n, 'object', 'event', 'type', type, 'created', 1752000000 + n,
                            'livemode', false, 'data', jsonb_build_object('object', object))::text
$$;
create function signed(body text, at timestamptz default now()) returns text language sql as $$
  select format('t=%s,v1=%s', t,
                encode(public.hmac(convert_to(t || '.' || body, 'UTF8'), 'whsec_story'::bytea, 'sha256'), 'hex'))
    from (select extract(epoch from at)::bigint as t) as clock
$$;
create function answers(bodies text[], forged int default 0)
returns table (place bigint, event_id text, status text, received text, duplicate text, error text)
language sql as $$
  select a.place, a.answer ->> 'event_id', a.answer ->> 'status', a.answer ->> 'received', a.answer ->> 'duplicate',
         folded(a.answer ->> 'error', 60)
    from jsonb_array_elements(payments.receive_stripe_webhooks('test', bodies, array(
           select case n when forged then 't=1,v1=00' else signed(b) end from unnest(bodies) with ordinality as u (b, n)
         ))) with ordinality as a (answer, place)
$$;
create function customer(n int, email text) returns jsonb language sql as $$
  select jsonb_build_object('id', 'cus_' || n, 'object', 'customer', 'email', email)
$$;
-- The whole call is refused: for its arguments, without a secret, without approval.
select payments.receive_stripe_webhooks('test', '{}', '{}');
select payments.set_webhook_secret('test', 'whsec_story') is not null as set;
select payments.set_webhook_secret('live', 'whsec_story') is not null as set;
select payments.receive_stripe_webhooks('staging', '{}', '{}');
select payments.receive_stripe_webhooks('test', null, '{}');
select payments.receive_stripe_webhooks('test', '{}', null);
select payments.receive_stripe_webhooks('test', '{a,b}', '{c}');
select payments.receive_stripe_webhooks('live', '{}', '{}');
begin isolation level repeatable read;
select payments.receive_stripe_webhooks('test', '{}', '{}');
rollback;
select payments.receive_stripe_webhooks('test', '{}', '{}');
-- One of each: taken, ignored, twice in one call, not signed, null, no event, of the other environment,
-- unreadable.
select * from answers(array[
    body(1, 'customer.created', customer(1, 'ada@example.com')),
    body(2, 'payout.paid', '{"id": "po_1", "object": "payout"}'),
    body(1, 'customer.created', customer(1, 'ada@example.com')),
    body(3, 'customer.created', customer(3, 'eve@example.com')),
    null,
    '{"id": "evt_4"}',
    replace(body(5, 'customer.created', customer(5, 'eve@example.com')), '"livemode": false', '"livemode": true'),
    body(6, 'charge.succeeded', '{"id": "ch_1", "object": "charge", "amount": 1.5, "currency": "usd"}'),
    body(7, 'customer.created', customer(7, 'bob@example.com'))], forged => 4);
select stripe_event_id, processing_status, attempt_count, processed_at is not null as done,
       signature is not null as signed
  from payments.webhook_events order by stripe_event_id;
select stripe_customer_id, email from payments.customers order by 1;
-- Sent again: duplicates, one under a body of another's, and the one that failed runs again.
select * from answers(array[
    body(1, 'customer.created', customer(1, 'ada@example.com')),
    body(7, 'customer.created', customer(7, 'eve@example.com')),
    body(6, 'charge.succeeded', '{"id": "ch_1", "object": "charge", "amount": 1.5, "currency": "usd"}'),
    body(2, 'payout.paid', '{"id": "po_1", "object": "payout"}')]);
select stripe_event_id, processing_status, attempt_count, refused_count
  from payments.webhook_events where stripe_event_id in ('evt_6', 'evt_7') order by 1;
-- An app's trigger that raises fails the events that it raises for, wherever they stand, and no other.
create function refuse() returns trigger language plpgsql as $$
begin
  if new.email like 'no%' then raise exception 'not %', new.email; end if;
  return new;
end
$$;
create trigger refuse before insert or update on payments.customers for each row execute function refuse();
create view outcomes as
  select processing_status, count(*), string_agg(last_error, e'\n' order by created_at, stripe_event_id) as errors
    from payments.webhook_events where stripe_event_id like 'evt_1__' group by 1 order by 1;
select a.status, count(*), string_agg(a.error, e'\n' order by place) as errors
  from answers(array(select body(100 + n, 'customer.created',
                                 customer(100 + n, case when n in (1, 42, 64) then 'no' else 'c' end || n))
                       from generate_series(1, 64) n)) a
 group by 1 order by 1;
select * from outcomes;
select count(*) from payments.customers where stripe_customer_id like 'cus_1__';
drop trigger refuse on payments.customers;
-- A replay runs them together, and they are as if nothing had ever failed.
select payments.replay_events('test');
select processing_status, count(*), max(attempt_count) from payments.webhook_events
 where stripe_event_id like 'evt_1__' group by 1;
-- The objects of a payment are projected together: its row is written once, and what it bought given once.
create table writes (op text, status text);
grant insert on writes to payments_definer;
create function see() returns trigger language plpgsql as $$
begin
  insert into writes values (tg_op, new.status);
  return null;
end
$$;
create trigger see after insert or update on payments.payment_history for each row execute function see();
create function payment(n int) returns text[] language sql as $$
  select array[
    body(10 * n, 'payment_intent.succeeded', jsonb_build_object(
      'id', 'pi_' || n, 'object', 'payment_intent', 'status', 'succeeded', 'amount', 500, 'amount_received', 500,
      'currency', 'eur', 'latest_charge', 'ch_' || n, 'created', 1752000000, 'metadata', metadata)),
    body(10 * n + 1, 'charge.succeeded', jsonb_build_object(
      'id', 'ch_' || n, 'object', 'charge', 'status', 'succeeded', 'paid', true, 'captured', true, 'amount', 500,
      'amount_captured', 500, 'amount_refunded', 0, 'currency', 'eur', 'payment_intent', 'pi_' || n,
      'created', 1752000000, 'metadata', metadata))]
    from jsonb_build_object('insforge_checkout_mode', 'payment') as metadata
$$;
select event_id, status from answers(payment(1000) || payment(1001));
select * from writes;
select stripe_payment_intent_id, stripe_charge_id, status, amount from payments.payment_history order by 1;
truncate writes;
select event_id, status from answers((payment(1002))[2:2] || (payment(1003))[1:1] || (payment(1002))[1:1]);
select * from writes;
-- An app that waits for an event to be processed sees what follows from it, also in a batch and in a replay.
create table seen (event text, was text, status text, customers bigint);
grant insert on seen to payments_definer;
create function see_event() returns trigger language plpgsql as $$
begin
  insert into seen values (new.stripe_event_id, case tg_op when 'UPDATE' then old.processing_status end,
                           new.processing_status,
                           (select count(*) from payments.customers where stripe_customer_id like 'cus_20_'));
  return null;
end
$$;
create trigger see_event after insert or update on payments.webhook_events for each row execute function see_event();
select event_id, status from answers(array[
    body(201, 'customer.created', customer(201, 'a')), body(202, 'customer.created', customer(202, 'b')),
    body(203, 'charge.succeeded', '{"id": "ch_2", "object": "charge", "amount": 1.5, "currency": "usd"}')]);
select * from seen where status <> 'pending';
truncate seen;
select payments.replay_events('test', '{evt_201,evt_202}');
select * from seen;
drop trigger see_event on payments.webhook_events;
-- Alone they come to the same.
select payments.verify_projections('test');
-- A webhook's role may call it, nobody else.
create role batch_sender;
set role batch_sender;
select payments.receive_stripe_webhooks('test', '{}', '{}');
reset role;
select payments.grant_role('batch_sender', 'webhook') is not null as granted;
set role batch_sender;
select payments.receive_stripe_webhooks('test', '{}', '{}');
reset role;
select payments.revoke_role('batch_sender', 'webhook') is not null as revoked;
drop role batch_sender;
