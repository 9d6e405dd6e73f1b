-- What a program beside the database keeps here: events it read, its endpoint, how far a backfill got; and what it is
-- asked to fetch.
\set ON_ERROR_ROLLBACK on
begin;
set local role project_admin;
select count(*) > 40 as many, bool_and(t ~ '^[a-z._]+$') as plain, count(*) = count(distinct t) as once
  from payments.handled_event_types() t;
select t from payments.handled_event_types() t limit 1;

-- Stripe's list of events.
select payments.events_cursor('test');
select payments.set_events_cursor('test', 'evt_1');
select payments.events_cursor('test'), payments.events_cursor('live');
select environment, events_cursor, events_read_at = now() as now, status from payments.stripe_connections;
select payments.set_events_cursor('test', null);
select payments.events_cursor('test');
select payments.set_events_cursor('test', 'sk_live_abcdefgh1234');
select payments.events_cursor('prod');

-- The endpoint.
select payments.record_webhook_endpoint('test', 'we_1', 'https://shop.example/stripe/test', '2025-06-30.basil');
select status, webhook_endpoint_id, webhook_endpoint_url, webhook_api_version, webhook_configured_at = now() as now
  from payments.stripe_connections;
select payments.record_webhook_endpoint('test', 'we_2', 'ftp://shop.example/');
select payments.record_webhook_endpoint('test', 'whsec_abcdefgh12345678', 'https://shop.example/stripe/test');

-- A backfill: page by page, stopped by an error, gone on, finished, begun anew.
select payments.sync_position('test', 'customers');
select payments.record_sync('test', 'customers', 'cus_100', 100);
select payments.record_sync('test', 'customers', null, 0, error => 'rate limited, rk_live_abcdefgh1234');
select payments.sync_position('test', 'customers');
select last_sync_status, last_sync_error, last_sync_counts from payments.stripe_connections;
select payments.record_sync('test', 'customers', 'cus_200', 100);
select payments.record_sync('test', 'customers', null, 7, true);
select payments.sync_position('test', 'customers');
select last_sync_status, last_sync_error, last_sync_counts from payments.stripe_connections;
select payments.record_sync('test', 'customers', 'cus_5', 5);
select resource, cursor, objects, finished_at is null as goes_on from payments.sync_progress;
select payments.record_sync('test', 'customers', 'cus_5', -1);

-- What purchases wait for is fetched: by one worker, again after a while, and not for ever.
reset role;
insert into payments.checkout_sessions (id, environment, mode, status, line_items, success_url, cancel_url,
                                        stripe_checkout_session_id)
values ('00000000-0000-4000-8000-000000000001', 'test', 'payment', 'completed', '[{"price": "p"}]',
        'https://a.example/', 'https://a.example/', 'cs_1');
insert into payments.fulfillments (environment, source, kind, target_table, item, state, reason)
select 'test', source, 'credit_ledger', 'public.ledger', item, state, 'why'
  from (values ('checkout:00000000-0000-4000-8000-000000000001', 'line_items', 'needs_review'),
               ('subscription:sub_1', 'lines:in_1', 'needs_review'),
               ('subscription:sub_2', 'lines:in_2', 'applied'),
               ('subscription:sub_3', 'credits:in_3:price_a', 'needs_review')) as w(source, item, state);
set local role project_admin;
select * from payments.claim_stripe_reads(1);
select * from payments.claim_stripe_reads();
select * from payments.claim_stripe_reads();
reset role;
update payments.read_leases set due_at = now() - interval '1 minute';
delete from payments.fulfillments where item = 'line_items';
set local role project_admin;
select path from payments.claim_stripe_reads(10, '1 minute');
select path, attempt, due_at > clock_timestamp() + interval '1 minute' as later from payments.read_leases;
reset role;
update payments.read_leases set due_at = now() - interval '1 minute', attempt = 8;
set local role project_admin;
select path from payments.claim_stripe_reads();
select count(*) from payments.review where item = 'lines:in_1';
set local role authenticated;
select payments.claim_stripe_reads();
select count(*) from payments.sync_progress;
rollback;
