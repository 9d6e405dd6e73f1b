-- Backfill, verify, rebuild, replay, retention and the story of a purchase.
set timezone = 'UTC';
insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, line_items,
                                        success_url, cancel_url, metadata, stripe_checkout_session_id, created_at)
values ('00000000-0000-4000-8000-000000000001', 'test', 'payment', 'open', 'user', 'ada',
        '[{"price": "price_1", "quantity": 2}]', 'https://a.example/', 'https://a.example/',
        '{"order_id": "ord_1"}', 'cs_1', '2025-07-08 18:00:00+00');
create function says(id text, type text, created bigint, object jsonb, previous jsonb default null) returns text
  language sql as $$
  select payments.apply_stripe_event('test',
                                     jsonb_build_object('id', id, 'object', 'event', 'type', type, 'created', created,
                                     'livemode', false,
    'data', jsonb_build_object('object', object, 'previous_attributes', previous))) ->> 'status' $$;
select '{"id": "cs_1", "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid",
         "amount_subtotal": 2000, "amount_total": 2000, "currency": "usd", "customer": "cus_1",
         "payment_intent": "pi_1", "client_reference_id": "00000000-0000-4000-8000-000000000001", "metadata": {},
         "created": 1752000000}' as session \gset
select '{"id": "ch_1", "object": "charge", "status": "succeeded", "captured": true, "amount": 2000,
         "amount_captured": 2000, "amount_refunded": 500, "currency": "usd", "customer": "cus_1",
         "payment_intent": "pi_1", "created": 1752000060, "metadata": {}}' as charge \gset
select says('evt_1', 'checkout.session.completed', 1752000063, :'session');
select says('evt_2', 'charge.refunded', 1752000999, :'charge');
select * from payments.verify_projections('test');

-- Rows that were changed by hand are found, column by column, and mended.
delete from payments.stripe_customer_mappings;
update payments.payment_history set status = 'succeeded', amount_refunded = 0, by_backend = true;
select relation, column_name, stored, derived from payments.verify_projections('test')
 where column_name not in ('environment', 'evidence_created', 'evidence_event_id') order by 1, 2;
select payments.rebuild_projections('test');
select * from payments.verify_projections('test');
select status, amount_refunded, subject_id from payments.payment_history;
delete from payments.payment_history;
select count(*) > 5 as missing from payments.verify_projections('test') where stored is null;
select payments.rebuild_projections('test');
select status, amount, amount_refunded, currency, paid_at, refunded_at from payments.payment_history;

-- A backfill takes single objects, arrays and list pages, and repairs what no event told.
select folded(payments.sync_stripe_objects('test', '[{"object": "list", "has_more": false, "data": [
  {"id": "prod_1", "object": "product", "name": "Book", "active": true, "livemode": false},
  {"id": "price_1", "object": "price", "product": "prod_1", "active": true, "currency": "usd", "unit_amount": 1000,
   "type": "one_time", "livemode": false},
  {"id": "tok_1", "object": "token"}]},
  {"id": "re_1", "object": "refund", "amount": 500, "currency": "usd", "status": "succeeded", "charge": "ch_1",
   "payment_intent": "pi_1", "created": 1752000990},
  {"id": "re_2", "object": "refund", "amount": "much", "currency": "usd"}]')::text) as counts;
select last_sync_status, folded(last_sync_error, 60) as last_sync_error, last_sync_counts ->> 'synced' as synced
  from payments.stripe_connections;
select type, status, amount, amount_refunded from payments.payment_history order by type;
select stripe_price_id, unit_amount from payments.prices;
select payments.sync_stripe_objects('test', '7');
-- What was fetched an hour ago knows nothing of the hour since, nor of a later look.
create function looked(name text, ago interval) returns text language sql as $$
  select payments.sync_stripe_objects('test',
                                      jsonb_build_array(jsonb_build_object('id', 'prod_7', 'object', 'product',
                                      'name', name),
           jsonb_build_object('id', 'pi_7', 'object', 'payment_intent', 'amount', 7, 'currency', 'usd',
                              'status', 'canceled',
                              'description', name, 'metadata', '{"insforge_checkout_mode": "payment"}'::jsonb)),
                              now() - ago) ->> 'synced' $$;
select payments.apply_stripe_event('test',
                                   jsonb_build_object('id', 'evt_minutes_ago', 'object', 'event',
                                   'type', 'product.updated',
         'created', extract(epoch from now())::bigint - 600, 'livemode', false,
         'data', '{"object": {"id": "prod_7", "object": "product", "name": "Minutes ago"}}'::jsonb))
             ->> 'status' as status;
select looked('An hour ago', '1 hour');
select name from payments.products where stripe_product_id = 'prod_7';
select looked('A minute ago', '1 minute'), looked('Two minutes ago', '2 minutes');
select p.name, h.description from payments.products p, payments.payment_history h
 where p.stripe_product_id = 'prod_7' and h.stripe_payment_intent_id = 'pi_7';
select payments.sync_stripe_objects('test', '[]', as_of => 'infinity');
select payments.sync_stripe_objects('test', '{"id": "prod_2", "object": "product", "livemode": true}');
select * from payments.verify_projections('test');

-- Chosen events run again and change nothing.
select payments.replay_events('test', array['evt_1', 'evt_2']);
select payments.replay_events('test', array['evt_1', null]);
select * from payments.verify_projections('test');

-- Old events go, failed ones and every fact stay.
select says('evt_bad', 'charge.succeeded', 1, '{"id": "ch_bad", "object": "charge", "amount": 1.5}');
update payments.webhook_events set received_at = now() - interval '100 days';
select payments.prune_webhook_events('29 days');
select payments.prune_webhook_events();
select stripe_event_id, processing_status from payments.webhook_events;
select * from payments.verify_projections('test');

-- The story, by any of its names.
select environment, happened_at, folded(story, 60) as story from payments.explain('ord_1')
 where story not like '%backfill%';
select count(distinct stories) as stories from (
  select (select count(*) from payments.explain(name)) as stories
    from unnest(array['ord_1', 'cs_1', 'pi_1', 'ch_1', 're_1', '00000000-0000-4000-8000-000000000001', 'cus_1'])
        as name) as told;
-- A subscription's life and its customer's, with what is kept no longer.
create function lived(type text, created bigint, object jsonb) returns text language sql as $$
  select payments.apply_stripe_event('test',
                                     jsonb_build_object('id', 'evt_' || created, 'object', 'event', 'type', type,
                                     'created', created,
           'livemode', false, 'data', jsonb_build_object('object', object))) ->> 'status' $$;
select lived('customer.created', 1752000000, '{"id": "cus_life", "object": "customer", "email": "life@example.com"}'),
       lived('customer.subscription.created', 1752000001,
             '{"id": "sub_life", "object": "subscription", "customer": "cus_life", "status": "active"}'),
       lived('customer.subscription.updated', 1752000002,
             '{"id": "sub_life", "object": "subscription", "customer": "cus_life", "status": "past_due"}'),
       lived('invoice.payment_failed', 1752000003,
             '{"id": "in_life", "object": "invoice", "customer": "cus_life", "subscription": "sub_life",
               "status": "open", "amount_paid": 0, "amount_due": 1500, "currency": "usd"}'),
       lived('customer.subscription.deleted', 1752000004,
             '{"id": "sub_life", "object": "subscription", "customer": "cus_life", "status": "canceled"}');
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'user', 'liv', 'cus_life');
select folded(story) as story from payments.explain('sub_life');
select folded(regexp_replace(story, '^user liv', '(now) user liv')) as story from payments.explain('cus_life');
select count(*) from payments.explain('nothing');
