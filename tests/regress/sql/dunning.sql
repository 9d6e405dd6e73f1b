-- What workers are told of invoices that are not paid and of subscriptions: one job each, whatever comes
-- first, and none that is out
-- of date.
\pset format unaligned
set timezone = 'UTC';
set client_min_messages = warning;
select payments.create_app_tables();

create function pg_temp.says(n int, type text, object jsonb) returns text language sql as $$
  select payments.apply_stripe_event('test', jsonb_build_object('id', 'evt_' || n, 'object', 'event', 'type',
    type, 'livemode', false,
    'created', 1752000000 + n, 'api_version', '2025-06-30.basil', 'data', jsonb_build_object('object',
      object))) ->> 'status'
$$;
create function pg_temp.invoice(status text, attempt int, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', 'in_1', 'object', 'invoice', 'status', status, 'customer', 'cus_1',
    'customer_email', 'ada@example.com',
    'amount_due', 1500, 'amount_paid', case status when 'paid' then 1500 else 0 end, 'currency', 'usd',
      'created', 1752000000,
    'attempt_count', attempt, 'next_payment_attempt', 1752000000 + attempt * 86400, 'billing_reason',
      'subscription_cycle',
    'hosted_invoice_url', 'https://invoice.stripe.com/i/1',
    'parent', jsonb_build_object('subscription_details', jsonb_build_object('subscription', 'sub_1',
      'metadata', '{}'::jsonb))) || more
$$;
create function pg_temp.subscription(status text, starts int,
  more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', 'sub_1', 'object', 'subscription', 'status', status, 'customer', 'cus_1',
    'currency', 'usd',
    'created', 1752000000, 'metadata', '{}'::jsonb, 'items', jsonb_build_object('data',
      jsonb_build_array(jsonb_build_object('id', 'si_1', 'quantity', 1,
      'current_period_start', 1752000000 + starts, 'current_period_end', 1752000000 + starts + 2592000,
      'price', jsonb_build_object('id', 'price_1', 'product', 'prod_1'))))) || more
$$;
create view jobs as select kind, source, state,
  jsonb_pretty(jsonb_strip_nulls(payload)) as payload from public.fulfillment_jobs order by kind, source;

-- The second attempt is told before the first: its job is the one that is left.
select pg_temp.says(20, 'invoice.payment_failed', pg_temp.invoice('open', 2));
select pg_temp.says(10, 'invoice.payment_failed', pg_temp.invoice('open', 1));
select pg_temp.says(21, 'invoice.payment_action_required', pg_temp.invoice('open', 2));
select pg_temp.says(21, 'invoice.payment_action_required', pg_temp.invoice('open', 2));
table jobs;
-- A mapping tells whom it concerns: the job says so too.
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'user', 'ada', 'cus_1');
select kind, payload ->> 'subject_type', payload ->> 'subject_id' from public.fulfillment_jobs order by kind;
select source, item, state from payments.fulfillments where kind = 'fulfillment_jobs' order by source, item;
-- A worker begins one; then the invoice is paid: the other job is gone, and a late failure makes none.
select kind from payments.claim_jobs(1);
select pg_temp.says(40, 'invoice.paid', pg_temp.invoice('paid', 3));
select pg_temp.says(30, 'invoice.payment_failed', pg_temp.invoice('open', 3));
select count(*), min(state) from public.fulfillment_jobs;
select count(*) from payments.notices;
-- The one that was begun is no reminder to send any more: where its worker fails, it goes, and where he is never
-- heard of again, nobody else gets it.
select kind from payments.claim_jobs(5);
select payments.fail_job((select id from public.fulfillment_jobs), 'no connection');
select count(*) from public.fulfillment_jobs;
select count(*) from payments.fulfillments where kind = 'fulfillment_jobs';
select pg_temp.says(41, 'invoice.payment_failed', pg_temp.invoice('open', 1, '{"id": "in_3"}'));
select pg_temp.says(42, 'invoice.payment_failed', pg_temp.invoice('open', 1, '{"id": "in_4"}'));
select source from payments.claim_jobs(1);
select pg_temp.says(43, 'invoice.paid', pg_temp.invoice('paid', 2, '{"id": "in_3"}'));
update public.fulfillment_jobs set run_at = now() - interval '1 minute' where state = 'claimed';
select source from payments.claim_jobs(1);
select source, state from public.fulfillment_jobs;
select payments.fail_job(id, 'sk_live_abcdefghijklmnop is no key'), payments.finish_job('sk_live_abcdefghijklmnop'),
       payments.fail_job('sk_live_abcdefghijklmnop', 'x') from public.fulfillment_jobs;
select source, state, last_error from public.fulfillment_jobs;
select pg_temp.says(44, 'invoice.voided', pg_temp.invoice('void', 2, '{"id": "in_4"}'));
delete from public.fulfillment_jobs;

-- A trial is about to end; the subscription goes on, then a renewal is announced, twice; it renews, and ends.
select pg_temp.says(50, 'customer.subscription.trial_will_end', pg_temp.subscription('trialing', 0,
  '{"trial_end": 1754592000}'));
table jobs;
select pg_temp.says(60, 'customer.subscription.updated', pg_temp.subscription('active', 0,
  '{"trial_end": 1754592000}'));
select pg_temp.says(70, 'invoice.upcoming', pg_temp.invoice('draft', 0, '{"period_end": 1754592000}') - 'id');
select pg_temp.says(71, 'invoice.upcoming', pg_temp.invoice('draft', 0, '{"period_end": 1754592000,
  "amount_due": 1700}') - 'id');
table jobs;
select pg_temp.says(80, 'customer.subscription.updated', pg_temp.subscription('active', 2592000));
select count(*) from public.fulfillment_jobs;
select pg_temp.says(90, 'customer.subscription.deleted',
  pg_temp.subscription('canceled', 2592000, '{"ended_at": 1752000090,
    "cancellation_details": {"reason": "payment_failed"}}'));
table jobs;
-- What a backfill finds ended long ago is told to nobody.
select payments.sync_stripe_objects('test', pg_temp.subscription('canceled', 0,
  '{"id": "sub_2", "ended_at": 1752000000, "items": {"data": []}}')) ->> 'synced';
select count(*) from public.fulfillment_jobs where source = 'subscription:sub_2';

-- A delayed payment of a checkout fails after the payer has left.
select pg_temp.says(100, 'checkout.session.async_payment_failed', '{"id": "cs_1", "object": "checkout.session",
  "mode": "payment",
  "status": "complete", "payment_status": "unpaid", "amount_total": 900, "currency": "eur", "customer": "cus_1"}');
select kind, source, payload ->> 'amount_due' as due,
  payload ->> 'subject_id' as subject from public.fulfillment_jobs where source like 'session:%';

-- A table that refuses the job is retried.
alter table public.fulfillment_jobs add constraint none check (kind <> 'payment_failed') not valid;
select pg_temp.says(110, 'invoice.payment_failed', pg_temp.invoice('open', 1, '{"id": "in_2"}'));
select kind, item, state, sqlstate, source from payments.review;
alter table public.fulfillment_jobs drop constraint none;
select payments.retry_fulfillments();
select kind, source from jobs where source like 'invoice:%';
select story from payments.explain('in_2') where story like '%fulfillment_jobs%';
select story from payments.explain('sub_1') where story like '%fulfillment_jobs%';
select count(*) from payments.verify_projections('test');
