-- The request that goes to Stripe, and what is recorded of its answer.
\set ON_ERROR_ROLLBACK on
begin;
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'user', 'known', 'cus_1');
set local role project_admin;
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, customer_email, line_items,
                                        success_url, cancel_url, metadata)
select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'test', mode, case when subject is not null then 'user' end,
       subject, 'buyer@example.com',
       '[{"stripePriceId": "price_1", "quantity": 2}, {"price": "price_2", "quantity": 1}]',
       'https://app.example.com/paid', 'https://app.example.com/cart', '{"order_id": "7"}'
  from (values (1, 'payment', 'new'), (2, 'payment', 'known'), (3, 'payment', null), (4, 'subscription', 'new'))
      as w(n, mode, subject);
insert into payments.customer_portal_sessions (id, environment, subject_type, subject_id, return_url, configuration_id)
select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'test', 'user', subject, url, configuration
  from (values (5, 'known', 'https://app.example.com/', 'bpc_1'), (6, 'known', null, null), (7, 'new', null, null))
      as w(n, subject, url, configuration);

select jsonb_pretty(payments.stripe_request('00000000-0000-4000-8000-000000000001'));
select folded(((payments.stripe_request(id) -> 'params')
               - array['line_items', 'success_url', 'cancel_url'])::text) as params
  from payments.checkout_sessions where id <> '00000000-0000-4000-8000-000000000001' order by id;
select jsonb_pretty(payments.stripe_request('00000000-0000-4000-8000-000000000005')) as request;
select payments.stripe_request('00000000-0000-4000-8000-000000000006') -> 'params';
select payments.stripe_request('00000000-0000-4000-8000-000000000007');
select payments.stripe_request('00000000-0000-4000-8000-000000000000');
select payments.stripe_request(null);

-- Stripe takes 50 keys of metadata: those that link back, then the first of the row's own. A link that the row does not
-- imply goes to nobody.
savepoint keys;
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url, metadata)
select ('00000000-0000-4000-8000-00000000001' || n)::uuid, 'test', 'payment', subject_type, subject_id,
       '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/',
       (select jsonb_object_agg('k' || to_char(k, 'FM00'), 'v') from generate_series(1, 50) k)
  from (values (0, 'user', 'new'), (1, null, null)) as w(n, subject_type, subject_id);
update payments.checkout_sessions
   set metadata = metadata
   || '{"insforge_subject_type": "user", "insforge_subject_id": "victim", "insforge_checkout_mode": "subscription"}'
 where id = '00000000-0000-4000-8000-000000000011';
select n, (select count(*) from jsonb_object_keys(m)) as keys, m ? 'k46' as k46, m ? 'k47' as k47, m ? 'k48' as k48,
       m ? 'k49' as k49,
       m ->> 'payments_checkout_mode' as mode, m ->> 'payments_subject_id' as subject,
       m ->> 'insforge_subject_id' as of_another
  from generate_series(0, 1) n,
       lateral (select payments.stripe_request(('00000000-0000-4000-8000-00000000001'
       || n)::uuid) #> '{params,metadata}') r(m);
rollback to keys;

-- The same session gives the same request, whatever becomes of its subject or of the setting.
savepoint same;
reset role;
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'user', 'new', 'cus_late');
update payments.stripe_customer_mappings set stripe_customer_id = 'cus_other' where subject_id = 'known';
set local payments.metadata_prefix = 'other_';
set local role project_admin;
select r ->> 'idempotency_key' as key, r #>> '{params,customer}' as customer,
       r #>> '{params,customer_creation}' as creation, folded(r #>> '{params,metadata}', 80) as metadata
  from payments.stripe_request('00000000-0000-4000-8000-000000000001') r;
select payments.stripe_request('00000000-0000-4000-8000-000000000005') -> 'params';
rollback to same;
-- Where nothing can be written it is said all the same.
savepoint standby;
set transaction read only;
select payments.stripe_request('00000000-0000-4000-8000-000000000005') ->> 'idempotency_key' as key;
rollback to standby;

-- What Stripe answered.
create function pg_temp.answer(n int, given jsonb default '{}') returns text language sql as $$
  select concat_ws(' ', r ->> 'status', r ->> 'payment_status', r ->> 'stripe_checkout_session_id',
                   r ->> 'stripe_customer_id', r ->> 'url', r ->> 'last_error')
    from payments.record_stripe_response(('00000000-0000-4000-8000-00000000000' || n)::uuid,
      '{"id": "cs_1", "object": "checkout.session", "livemode": false, "url": "https://checkout.stripe.com/c/pay/cs_1",
        "payment_status": "unpaid", "customer": null}'::jsonb || given) r $$;
select payments.record_stripe_error('00000000-0000-4000-8000-000000000001', 'Invalid API Key provided: sk_test_abc')
       ->> 'last_error' as last_error;
select pg_temp.answer(1);
-- Again: nothing changes. Another session's, another environment's, an error: refused.
select pg_temp.answer(1);
select pg_temp.answer(1, '{"id": "cs_other"}');
select pg_temp.answer(2, '{"id": "cs_2", "livemode": true}');
select pg_temp.answer(2, '{"id": "cs_2", "client_reference_id": "00000000-0000-4000-8000-000000000001"}');
select pg_temp.answer(2, '{"object": "payment_intent", "id": "pi_1"}');
select payments.record_stripe_response('00000000-0000-4000-8000-000000000002',
                                       '{"error": {"message": "No such price"}}');
select payments.record_stripe_response('00000000-0000-4000-8000-000000000002', null);
select pg_temp.answer(0);
select pg_temp.answer(2, '{"id": "cs_1"}');
-- What it is is said; livemode need not be, where the id does not say otherwise.
select payments.record_stripe_response('00000000-0000-4000-8000-000000000002', '{"id": "cs_2", "livemode": false}');
select payments.record_stripe_response('00000000-0000-4000-8000-000000000002',
                                       '{"id": "cs_live_2", "object": "checkout.session"}');
savepoint lean;
select r ->> 'status' as status, r ->> 'stripe_payment_intent_id' as payment_intent,
       r ->> 'stripe_subscription_id' as subscription
  from payments.record_stripe_response('00000000-0000-4000-8000-000000000002',
                                       '{"id": "cs_test_2", "object": "checkout.session",
    "payment_intent": {"id": "pi_2", "object": "payment_intent"}, "subscription": "sub_2"}') r;
select r ->> 'stripe_payment_intent_id' as payment_intent, r ->> 'stripe_subscription_id' as subscription
  from payments.record_stripe_response('00000000-0000-4000-8000-000000000002',
                                       '{"id": "cs_test_2", "object": "checkout.session",
    "payment_intent": "pi_other", "subscription": null}') r;
rollback to lean;
-- A webhook came first: nothing goes back.
update payments.checkout_sessions
   set status = 'completed', payment_status = 'paid', stripe_checkout_session_id = 'cs_4', stripe_customer_id = 'cus_4'
 where id = '00000000-0000-4000-8000-000000000004';
select pg_temp.answer(4, '{"id": "cs_4"}');
select payments.record_stripe_error('00000000-0000-4000-8000-000000000004', 'timeout') ->> 'status' as status;
select payments.stripe_request('00000000-0000-4000-8000-000000000004');
update payments.checkout_sessions set idempotency_key = 'cart-4' where id = '00000000-0000-4000-8000-000000000004';
select payments.stripe_request('00000000-0000-4000-8000-000000000004');
-- A response never says that something is paid; only a webhook does.
select pg_temp.answer(3, '{"id": "cs_3", "payment_status": "paid", "status": "complete", "customer": {"id": "cus_3"}}');
-- The portal.
select r ->> 'status' as status, r ->> 'url' as url, r ->> 'stripe_customer_id' as customer
  from payments.record_stripe_response('00000000-0000-4000-8000-000000000005',
                                       '{"id": "bps_1", "object": "billing_portal.session",
    "livemode": false, "customer": "cus_1", "url": "https://billing.stripe.com/p/session/x"}') r;
select r ->> 'url' as url
  from payments.record_stripe_response('00000000-0000-4000-8000-000000000005',
                                       '{"id": "bps_1", "object": "billing_portal.session", "livemode": false,
                                         "customer": "cus_1"}') r;
select payments.record_stripe_response('00000000-0000-4000-8000-000000000005',
                                       '{"id": "bps_2", "object": "billing_portal.session", "livemode": false,
                                         "customer": "cus_1"}');
select payments.record_stripe_response('00000000-0000-4000-8000-000000000006',
                                       '{"id": "bps_3", "object": "billing_portal.session", "livemode": false,
                                         "customer": "cus_elses",
                                         "url": "https://billing.stripe.com/p/session/elses"}');
select payments.record_stripe_response('00000000-0000-4000-8000-000000000006',
                                       '{"id": "bps_3", "object": "billing_portal.session", "livemode": false}');
select payments.record_stripe_error('00000000-0000-4000-8000-000000000007', 'no customer') ->> 'status' as status;
select payments.record_stripe_error('00000000-0000-4000-8000-000000000000', 'nothing');
rollback;
