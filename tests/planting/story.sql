-- Everything that the projection does to an app's tables, on tables whose columns are enums: one payment at a time and many,
-- refunds, subscriptions, jobs, spending, sessions. Run by a session whose own path is plain.

insert into shop.orders (id, user_id, amount, currency, environment, subject_type, subject_id)
select md5('order ' || n)::uuid, 'ada', 2000, 'usd', 'test', 'user', 'ada' from generate_series(1, 40) n;
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, created_by, line_items, success_url, cancel_url, metadata, stripe_checkout_session_id)
select md5('session ' || n)::uuid, 'test', 'payment', 'user', 'ada', 'ada', '[{"price": "price_pack", "quantity": 1}]', 'https://a.example',
       'https://a.example', jsonb_build_object('order_id', md5('order ' || n)::uuid), 'cs_' || n
  from generate_series(1, 40) n;

-- as Stripe tells it
select payments.receive_stripe_webhook('test', e.payload, e.signature)
  from payments.sign_test_event('{"id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1752000063, "livemode": false,
    "data": {"object": {"id": "cs_1", "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid",
      "amount_total": 2000, "amount_subtotal": 2000, "currency": "usd", "payment_intent": "pi_1", "customer": "cus_ada"}}}') e;
-- one, many, and the same again
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency, paid_at)
values ('test', 'one_time_payment', 'succeeded', 'cs_2', 2000, 'usd', '2026-01-31 00:00+00');
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency, paid_at)
select 'test', 'one_time_payment', 'succeeded', 'cs_' || n, 2000, 'usd', '2026-01-31 00:00+00' from generate_series(3, 40) n;
-- in part, all of it, and none after all
update payments.payment_history set status = 'partially_refunded', amount_refunded = 500 where stripe_checkout_session_id = 'cs_2';
update payments.payment_history set status = 'refunded', amount_refunded = 2000 where stripe_checkout_session_id in ('cs_2', 'cs_3', 'cs_4');
update payments.payment_history set status = 'succeeded', amount_refunded = 0 where stripe_checkout_session_id = 'cs_3';
-- a second payment of an order
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, created_by, line_items, success_url, cancel_url, metadata, stripe_checkout_session_id)
values (md5('again')::uuid, 'test', 'payment', 'user', 'ada', 'ada', '[{"price": "price_pack", "quantity": 1}]', 'https://a.example', 'https://a.example',
        jsonb_build_object('order_id', md5('order 5')::uuid), 'cs_again');
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency, paid_at)
values ('test', 'one_time_payment', 'succeeded', 'cs_again', 2000, 'usd', '2026-02-01 00:00+00');
update payments.payment_history set status = 'refunded', amount_refunded = 2000 where stripe_checkout_session_id = 'cs_5';

-- a subscription's life
insert into payments.subscriptions (environment, stripe_subscription_id, subject_type, subject_id, status, current_period_end)
values ('test', 'sub_1', 'team', 't1', 'active', '2036-03-01 00:00+00');
insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id, stripe_price_id)
values ('test', 'si_1', 'sub_1', 'price_pro');
update payments.subscriptions set status = 'past_due', cancel_at = '2036-02-01 00:00+00', cancel_at_period_end = true;
update payments.subscriptions set status = 'canceled';

-- jobs
select count(*) > 0 from payments.claim_jobs(3);
select bool_and(payments.finish_job(id)) from shop.jobs where state = 'claimed' and source like '%' and id in (select id from shop.jobs where state = 'claimed' limit 1);
select bool_and(payments.fail_job(id, 'no')) from shop.jobs where state = 'claimed';
update shop.jobs set state = 'claimed', attempts = 9, run_at = now() - interval '1 hour' where state = 'pending' and source = (select min(source) from shop.jobs where state = 'pending');
select count(*) from payments.claim_jobs(1);
select payments.retry_fulfillments('test', null);

-- what a signed-in user asks and does
select payments.adjust_credits('user', 'ada', 100, 'gift', 'planting');
set role authenticated;
set request.jwt.claims = '{"sub": "ada", "role": "authenticated"}';
select payments.credit_balance('user', 'ada') > 0, payments.has_entitlement('course'), (select count(*) from payments.my_entitlements());
select payments.owns_subject('team', 't1'), (select count(*) from payments.my_subjects('team')), payments.has_active_subscription('team', 't1');
select payments.may_use_subject('team', 't1'), (select count(*) from payments.my_usable_subjects('team'));
select status from payments.create_checkout_session('test', 'payment', '[{"price": "price_pack", "quantity": 1}]', 'https://a.example/', 'https://a.example/', 'team', 't1', idempotency_key => 'k1');
select status from payments.create_checkout_session('test', 'payment', '[{"price": "price_pack", "quantity": 1}]', 'https://a.example/', 'https://a.example/', 'team', 't1', idempotency_key => 'k1');
reset role;
reset request.jwt.claims;
select payments.spend_credits('user', 'ada', 1, 'one', 'planting');
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id) values ('test', 'team', 't1', 'cus_team');
set role authenticated;
set request.jwt.claims = '{"sub": "ada", "role": "authenticated"}';
select status from payments.create_customer_portal_session('test', 'team', 't1', 'https://a.example/');
reset role;
reset request.jwt.claims;
select payments.stripe_request(id) ->> 'method' from payments.checkout_sessions where idempotency_key like 'k1%';
select payments.record_stripe_error(id, 'no') ->> 'status' from payments.checkout_sessions where idempotency_key like 'k1%';
select payments.record_stripe_response(id, '{"id": "cs_k1", "object": "checkout.session", "livemode": false, "url": "https://c.example", "payment_status": "unpaid"}') ->> 'status'
  from payments.checkout_sessions where idempotency_key like 'k1%';
select payments.stripe_request(id) ->> 'method' from payments.customer_portal_sessions;
select payments.record_stripe_error(id, 'no') ->> 'status' from payments.customer_portal_sessions;
select payments.record_stripe_response(id, '{"id": "bps_1", "object": "billing_portal.session", "livemode": false, "url": "https://c.example", "customer": "cus_team"}') ->> 'status'
  from payments.customer_portal_sessions;
select count(*) from payments.verify_projections('test');
select payments.rebuild_projections('test');
