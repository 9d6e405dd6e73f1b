-- A shop of :payments purchases, each with an order, a pack of credits and a course. Nothing is paid yet.
set client_min_messages = warning;
insert into payments.benefits (environment, stripe_price_id, credits_per_unit) values ('test', 'price_pack', 100);
insert into payments.benefits (environment, stripe_price_id, key, duration) values ('test', 'price_course', 'course', '1 year');
insert into payments.prices (environment, stripe_price_id, stripe_product_id) values ('test', 'price_pack', 'prod_pack'), ('test', 'price_course', 'prod_course');
-- An order names what it is for, so that another session of the buyer does not pay it.
insert into orders (id, user_id, amount, currency, line_items)
select md5(n::text)::uuid, 'user_' || n, 2000, 'eur', '[{"price": "price_pack", "quantity": 1}, {"price": "price_course", "quantity": 1}]'
  from generate_series(1, :payments) n;
-- Every buyer has a history, so that the planner has statistics of the ledger.
insert into credit_ledger (subject_type, subject_id, delta, balance_after, reason, source)
select 'user', 'user_' || n, 1, 1, 'adjustment', 'welcome:' || n from generate_series(1, :payments) n;
alter table payments.checkout_sessions disable trigger user;
insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, created_by, line_items, success_url, cancel_url, metadata,
                                        stripe_checkout_session_id, stripe_payment_intent_id)
select md5('session ' || n)::uuid, 'test', 'payment', 'open', 'user', 'user_' || n, 'user_' || n,
       '[{"stripePriceId": "price_pack", "quantity": 1}, {"stripePriceId": "price_course", "quantity": 1}]', 'https://a.example', 'https://a.example',
       jsonb_build_object('order_id', md5(n::text)::uuid), 'cs_' || n, 'pi_' || n
  from generate_series(1, :payments) n;
alter table payments.checkout_sessions enable trigger user;
insert into payments.payment_history (id, environment, type, status, stripe_checkout_session_id, stripe_payment_intent_id, amount, currency, paid_at)
select md5('payment ' || n)::uuid, 'test', 'one_time_payment', 'pending', 'cs_' || n, 'pi_' || n, 2000, 'eur', '2026-01-01 00:00+00'
  from generate_series(1, :payments) n;
vacuum analyze;
