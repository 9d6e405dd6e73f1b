-- What subscriptions bring in a month, and what came in each day: counted by hand.
\pset format unaligned
set timezone = 'UTC';

create function pg_temp.price(id text, amount bigint, span text default 'month',
  count int default 1) returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'object', 'price', 'product', 'prod_' || id, 'currency', 'usd',
    'unit_amount', amount,
    'billing_scheme', 'per_unit', 'type', 'recurring',
    'recurring', jsonb_build_object('interval', span, 'interval_count', count, 'usage_type', 'licensed'))
$$;
create function pg_temp.says(n int, at timestamptz, type text, sub text, status text, price jsonb,
  quantity int, more jsonb default '{}')
returns text language sql as $$
  select payments.apply_stripe_event('test', jsonb_build_object('id', 'evt_' || n, 'object', 'event', 'type',
    'customer.subscription.' || type,
    'livemode', false, 'created', extract(epoch from at)::bigint, 'api_version', '2025-06-30.basil', 'data',
      jsonb_build_object('object',
      jsonb_build_object('id', 'sub_' || sub, 'object', 'subscription', 'customer', 'cus_' || left(sub, 1),
        'status', status, 'currency', 'usd',
        'items', jsonb_build_object('object', 'list', 'has_more', false, 'data',
          jsonb_build_array(jsonb_build_object('id', 'si_' || sub,
          'object', 'subscription_item', 'quantity', quantity, 'price', price)))) || more))) ->> 'status'
$$;

-- January: Ada pays 10.00 a month for each of two seats; Bob 120.00 a year, less 50 % forever; Cid is in trial.
select pg_temp.says(1, '2025-01-10', 'created', 'ada', 'active', pg_temp.price('p10', 1000), 2);
select pg_temp.says(2, '2025-01-11', 'created', 'bob', 'active', pg_temp.price('y120', 12000, 'year'), 1,
  '{"discounts": [{"id": "di_1", "coupon": {"id": "HALF", "duration": "forever", "percent_off": 50}}]}');
select pg_temp.says(3, '2025-01-12', 'created', 'cid', 'trialing', pg_temp.price('p10', 1000), 1);
-- February: Ada takes a third seat, Cid's trial ends, Dot begins. An event of March comes first.
select pg_temp.says(9, '2025-03-05', 'updated', 'bob', 'active', pg_temp.price('y120', 12000, 'year'), 1,
  '{"cancel_at_period_end": true, "discounts": ["di_1"]}');
select pg_temp.says(4, '2025-02-03', 'updated', 'ada', 'active', pg_temp.price('p10', 1000), 3);
select pg_temp.says(5, '2025-02-04', 'updated', 'cid', 'active', pg_temp.price('p10', 1000), 1);
select pg_temp.says(6, '2025-02-05', 'created', 'dot', 'active', pg_temp.price('w5', 500, 'week'), 1);
-- March: Bob is told to end, Ada gives two seats back, Dot cannot pay and is past due, which counts.
select pg_temp.says(7, '2025-03-02', 'updated', 'ada', 'active', pg_temp.price('p10', 1000), 1);
select pg_temp.says(8, '2025-03-03', 'updated', 'dot', 'past_due', pg_temp.price('w5', 500, 'week'), 1);
-- April: Dot is unpaid. May: Bob comes back with another subscription.
select pg_temp.says(10, '2025-04-03', 'updated', 'dot', 'unpaid', pg_temp.price('w5', 500, 'week'), 1);
select pg_temp.says(11, '2025-05-03', 'created', 'bob2', 'active', pg_temp.price('p10', 1000), 1);

select stripe_subscription_id, changed_at::date, changed, status, is_ending, previous_mrr, mrr, is_complete,
  stripe_event_id
  from payments.subscription_changes order by changed_at, stripe_subscription_id;
select month, mrr, new, reactivation, expansion, contraction, churn, is_complete
  from payments.monthly_recurring_revenue where month <= '2025-06-01' order by month;
-- The movements add up.
select count(*) from (
  select mrr - coalesce(lag(mrr) over (order by month),
    0) - (new + reactivation + expansion - contraction - churn) as rest
    from payments.monthly_recurring_revenue) r where rest <> 0;

-- Fay came and went within January, and comes back in March: she had some before. Gus pays in euros from March on: his
-- dollars are gone, his euros are new. What ends his subscription says neither whose it is nor in which currency.
begin;
select pg_temp.says(21, '2025-01-10', 'created', 'fay', 'active', pg_temp.price('p10', 1000), 1);
select pg_temp.says(22, '2025-01-20', 'deleted', 'fay', 'canceled', pg_temp.price('p10', 1000), 1);
select pg_temp.says(23, '2025-03-10', 'created', 'fay2', 'active', pg_temp.price('p10', 1000), 1);
select pg_temp.says(24, '2025-02-10', 'created', 'gus', 'active', pg_temp.price('p9', 900), 1);
select pg_temp.says(25, '2025-03-10', 'updated', 'gus', 'active',
  pg_temp.price('e8', 800) || '{"currency": "eur"}', 1, '{"currency": "eur"}');
select payments.apply_stripe_event('test', '{"id": "evt_26", "object": "event", "livemode": false,
  "type": "customer.subscription.deleted", "created": 1744000000, "data": {"object": {"id": "sub_gus",
  "object": "subscription", "status": "canceled", "items": {"data": []}}}}') ->> 'status';
select month, currency, mrr, new, reactivation, expansion, contraction, churn
  from payments.monthly_recurring_revenue where month <= '2025-04-01' order by currency, month;
rollback;

-- A month is incomplete while something that it takes is not known: Hal's discount, which he has until February. What
-- is to come does not count yet.
begin;
select pg_temp.says(31, '2020-01-10', 'created', 'hal', 'active', pg_temp.price('p10', 1000), 1,
  '{"discounts": ["di_9"]}');
select pg_temp.says(32, '2020-02-10', 'updated', 'hal', 'active', pg_temp.price('p10', 1000), 1);
select pg_temp.says(33, '2020-03-10', 'deleted', 'hal', 'canceled', pg_temp.price('p10', 1000), 1);
select month, mrr, is_complete from payments.monthly_recurring_revenue where month < '2020-05-01' order by month;
select pg_temp.says(34, (date_trunc('month', now()) + interval '1 month' - interval '1 second'), 'created', 'ida',
  'active', pg_temp.price('p7', 700000), 1);
select max(mrr) < 700000 as to_come_does_not_count from payments.monthly_recurring_revenue;
rollback;

-- The same event again, and one told late: the neighbors are right.
select pg_temp.says(4, '2025-02-03', 'updated', 'ada', 'active', pg_temp.price('p10', 1000), 3);
select pg_temp.says(12, '2025-02-20', 'updated', 'ada', 'active', pg_temp.price('p10', 1000), 5);
select changed_at::date, changed, previous_mrr,
  mrr from payments.subscription_changes where stripe_subscription_id = 'sub_ada' order by 1;

-- A backfill finds a subscription that nobody told of: what it was before is presumed.
select payments.sync_stripe_objects('test', jsonb_build_object('id', 'sub_eve', 'object', 'subscription',
  'customer', 'cus_e',
  'status', 'canceled', 'created', 1735700000, 'canceled_at', 1739000000, 'ended_at', 1740000000, 'currency',
    'usd', 'items',
  jsonb_build_object('data', jsonb_build_array(jsonb_build_object('id', 'si_eve', 'quantity', 1, 'price',
    pg_temp.price('p7', 700)))))) ->> 'synced';
select changed_at, changed, status, is_ending, mrr, is_presumed from payments.subscription_changes
 where stripe_subscription_id = 'sub_eve' order by 1;
select count(*) from payments.verify_projections('test');
-- What somebody wrote by hand, even where it is no list of items, is derived again.
update payments.subscription_changes set items = '[{"x": 1}]', discounts = '{"x": 1}';
select count(*) > 0 as differs from payments.verify_projections('test');
select payments.rebuild_projections('test') > 0 as rebuilt;
select count(*) from payments.verify_projections('test');

-- Money by day. A payment of 30.00, of which 5.00 went back later; one of 20.00 that was lost to a dispute;
-- one of another backend,
-- of which 4.00 went back by its own word; a refund that failed; and a refund of money that is not here.
insert into payments.payment_history (environment, type, status, stripe_payment_intent_id, stripe_charge_id,
  amount, amount_refunded, currency,
  paid_at, refunded_at, by_backend) values
  ('test', 'one_time_payment', 'succeeded', 'pi_2', 'ch_2', 2000, 0, 'usd', '2025-01-10 23:59+00', null, false),
  ('test', 'subscription_invoice', 'partially_refunded', 'pi_1', 'ch_1', 3000, 500, 'usd',
    '2025-01-10 12:00+00', '2025-01-15 01:00+00', false),
  ('test', 'one_time_payment', 'partially_refunded', 'pi_3', null, 1000, 400, 'usd', '2025-01-11 00:00+00',
    '2025-01-12 00:00+00', true),
  ('test', 'failed_payment', 'failed', 'pi_4', null, 9900, 0, 'usd', null, null, false),
  ('test', 'subscription_invoice', 'failed', 'pi_6', null, 9900, 0, 'usd', null, null, false),
  ('test', 'one_time_payment', 'pending', 'pi_7', null, 9900, 0, 'usd', null, null, false),
  ('test', 'one_time_payment', 'refunded', 'pi_5', 'ch_5', 1000, 1000, 'eur', '2025-01-11 00:00+00',
    '2025-01-13 00:00+00', false);
insert into payments.payment_history (environment, type, status, stripe_refund_id, stripe_payment_intent_id,
  amount, currency, refunded_at)
values ('test', 'refund', 'refunded', 're_1', 'pi_1', 500, 'usd', '2025-01-15 01:00+00'),
       ('test', 'refund', 'failed', 're_2', 'pi_1', 700, 'usd', null),
       ('test', 'refund', 'refunded', 're_3', 'pi_unknown', 9900, 'usd', '2025-01-15 01:00+00'),
       -- The payer was shown pounds: a third of them went back, then the rest.
       ('test', 'refund', 'refunded', 're_4', 'pi_5', 300, 'gbp', '2025-01-13 00:00+00'),
       ('test', 'refund', 'refunded', 're_5', 'pi_5', 600, 'gbp', '2025-01-14 00:00+00');
insert into payments.payment_history (environment, type, status, stripe_dispute_id, stripe_charge_id, amount,
  amount_lost, currency, lost_at)
values ('test', 'dispute', 'lost', 'dp_1', 'ch_2', 2000, 1800, 'usd', '2025-02-01 10:00+00'),
       ('test', 'dispute', 'won', 'dp_2', 'ch_1', 3000, null, 'usd', null),
       ('test', 'dispute', 'prevented', 'dp_3', 'ch_1', 500, null, 'usd', null),
       -- Lost, and not won back yet; it names no currency.
       ('test', 'dispute', 'appeal_under_review', 'dp_4', 'ch_1', 300, null, null, '2025-02-02 10:00+00');
select day, currency, gross, refunded, disputed, net from payments.revenue_by_day order by currency, day;
-- Days and months are those of UTC, wherever the reader is.
create temp table in_utc as select to_jsonb(r) as one from payments.revenue_by_day r
                  union all select to_jsonb(m) from payments.monthly_recurring_revenue m;
set timezone = 'Pacific/Auckland';
select count(*) from (
  (select to_jsonb(r) from payments.revenue_by_day r union all
   select to_jsonb(m) from payments.monthly_recurring_revenue m) except table in_utc) as elsewhere;
set timezone = 'America/Los_Angeles';
select count(*) from (
  (select to_jsonb(r) from payments.revenue_by_day r union all
   select to_jsonb(m) from payments.monthly_recurring_revenue m) except table in_utc) as elsewhere;
