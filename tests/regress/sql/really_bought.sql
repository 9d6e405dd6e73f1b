-- What was really bought: a payer can lower a quantity, drop a line or take an upsell, and Stripe's own line items say
-- it. Where they are not known, the money must not contradict what was asked for; else the purchase waits for them.
set client_min_messages = warning;
select payments.create_app_tables();
select payments.set_credit_benefit('test', 'price_pack', 100), payments.set_credit_benefit('test', 'price_big', 1000),
       payments.set_entitlement_benefit('test', 'price_course', 'course');
insert into payments.prices (environment, stripe_price_id, stripe_product_id, type, currency, unit_amount,
                             billing_scheme)
values ('test', 'price_pack', 'prod_pack', 'one_time', 'usd', 1000, 'per_unit'),
       ('test', 'price_course', 'prod_course', 'one_time', 'usd', 2000, 'per_unit'),
       ('test', 'price_tiers', 'prod_pack', 'one_time', 'usd', null, 'tiered');
-- A backend opens a session, and its payer completes it.
create procedure ask(name text, line_items jsonb, mode text default 'payment', metadata jsonb default '{}')
  language sql as $$
  insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, line_items,
                                          success_url, cancel_url, metadata, stripe_checkout_session_id)
  values (md5(name)::uuid, 'test', mode, 'open', 'user', name, line_items, 'https://a.example', 'https://a.example',
          metadata, 'cs_' || name) $$;
create procedure say(type text, object jsonb, created int default 10) language sql as $$
  select payments.apply_stripe_event('test', jsonb_build_object(
    'id', 'evt_' || md5(type || object || created), 'object', 'event', 'api_version', '2025-06-30.basil',
    'created', 1752000000 + created, 'type', type, 'livemode', false, 'data', jsonb_build_object('object', object))) $$;
create function session(name text, subtotal int, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', 'cs_' || name, 'object', 'checkout.session', 'mode', 'payment', 'status', 'complete',
    'payment_status', 'paid', 'amount_subtotal', subtotal, 'amount_total', subtotal, 'currency', 'usd',
    'payment_intent', 'pi_' || name, 'metadata', '{}'::jsonb, 'created', 1752000000) || more $$;
create procedure pay(name text, subtotal int, more jsonb default '{}') language sql as $$
  call say('checkout.session.completed', session(name, subtotal, more)) $$;
create function item(price text, quantity int, amount int) returns jsonb language sql as $$
  select jsonb_build_object('id', 'li_' || price, 'object', 'item', 'quantity', quantity, 'amount_subtotal', amount,
    'currency', 'usd', 'price', jsonb_build_object('id', price, 'object', 'price', 'product', 'prod_x')) $$;
create procedure told(name text, has_more boolean, variadic items jsonb[]) language sql as $$
  select payments.sync_stripe_objects('test', jsonb_build_object('object', 'list', 'has_more', has_more,
    'url', '/v1/checkout/sessions/cs_' || name || '/line_items', 'data', to_jsonb(items))) $$;
create view given as
  select l.subject_id as name, sum(l.delta) as credits,
         (select string_agg(e.key, ',') from user_entitlements e where e.user_id = l.subject_id and e.active) as keys
    from credit_ledger l group by l.subject_id order by l.subject_id;
create view waits as
  select r.subject_id as name, r.kind, r.item, folded(r.reason, 76) as reason from payments.review r
   order by r.subject_id, r.kind;

-- The payer lowers a quantity. It is not silent: the reason says what to fetch.
call ask('lower', '[{"price": "price_pack", "quantity": 3}]');
call pay('lower', 1000);
select * from waits;
select distinct folded(next_step, 76) as next_step from payments.review where item = 'line_items';
select stripe_checkout_session_id, amount from payments.unfulfilled_payments;
select payments.retry_fulfillments();
call told('lower', false, item('price_pack', 1, 1000));
table given;
table waits;
select kind, item, state, folded(reason, 70) as reason from payments.fulfillments order by kind, item;
select line_items from payments.payment_history;
-- A refund takes back its share of that.
call say('refund.created', '{"id": "re_1", "object": "refund", "status": "succeeded", "amount": 250, "currency": "usd",
                             "payment_intent": "pi_lower"}', 20);
table given;

-- A line is dropped, another is taken instead; two pages say so, in one call.
call ask('upsell', '[{"price": "price_pack", "quantity": 1}, {"price": "price_course", "quantity": 1}]');
call pay('upsell', 9000);
select payments.sync_stripe_objects('test', jsonb_build_array(
  jsonb_build_object('object', 'list', 'url', '/v1/checkout/sessions/cs_upsell/line_items', 'has_more', true,
                     'data', jsonb_build_array(item('price_big', 1, 8000))),
  jsonb_build_object('object', 'list', 'url', '/v1/checkout/sessions/cs_upsell/line_items', 'has_more', false,
                     'data', jsonb_build_array(item('price_pack', 1, 1000))))) -> 'objects' as objects;
select * from given where name = 'upsell';

-- A page of several is not all of it.
call ask('pages', '[{"price": "price_pack", "quantity": 2}]');
call pay('pages', 3000);
call told('pages', true, item('price_pack', 1, 1000));
select kind, item, reason from waits where name = 'pages' and kind = 'credit_ledger';
call told('pages', false, item('price_course', 1, 2000));
select kind, item, reason from waits where name = 'pages' and kind = 'credit_ledger';
call told('pages', false, item('price_pack', 1, 1000), item('price_course', 1, 2000));
select * from given where name = 'pages';

-- What tiers, the payer or another currency decide can't be computed, unless Stripe's answer said it when the session
-- was made.
call ask('tiers', '[{"price": "price_tiers", "quantity": 20}]');
call pay('tiers', 1500);
call ask('euros', '[{"price": "price_pack", "quantity": 1}]');
call pay('euros', 900, '{"currency": "eur"}');
select name, reason from waits where kind = 'credit_ledger';
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
values (md5('answered')::uuid, 'test', 'payment', 'user', 'answered', '[{"price": "price_tiers", "quantity": 20}]',
        'https://a.example', 'https://a.example');
select payments.set_credit_benefit('test', 'price_tiers', 1);
select payments.record_stripe_response(md5('answered')::uuid, jsonb_build_object('id', 'cs_answered', 'object',
  'checkout.session', 'status', 'open', 'livemode', false,
  'line_items', jsonb_build_object('object', 'list',
                                   'data', jsonb_build_array(item('price_tiers', 20, 1500))))) ->> 'status';
call pay('answered', 1500);
select * from given where name = 'answered';
call told('tiers', false, item('price_tiers', 20, 1500));
call told('euros', false, item('price_pack', 1, 1000));
select name from waits where kind = 'credit_ledger';
-- Adaptive pricing: what the payer saw is not compared.
call ask('adaptive', '[{"price": "price_pack", "quantity": 1}]');
call pay('adaptive', 1000, '{"presentment_details": {"presentment_amount": 930, "presentment_currency": "eur"}}');
select * from given where name = 'adaptive';

-- Less than was asked for gives nothing of any kind.
call ask('less', '[{"price": "price_pack", "quantity": 1}]');
call pay('less', 1000, '{"payment_status": "unpaid"}');
call say('payment_intent.succeeded', '{"id": "pi_less", "object": "payment_intent", "status": "succeeded",
  "amount": 1000, "amount_received": 600, "currency": "usd", "capture_method": "manual",
  "created": 1752000000, "metadata": {}}', 11);
select kind, item, reason from waits where name = 'less';

-- The catalog may be told afterwards: the end is the same, and what was given is taken back.
call ask('late', '[{"price": "price_late", "quantity": 2}, {"price": "price_course", "quantity": 1}]');
select payments.set_credit_benefit('test', 'price_late', 5);
call pay('late', 2500);
select * from given where name = 'late';
call say('price.created', '{"id": "price_late", "object": "price", "product": "prod_late", "active": true,
  "type": "one_time", "currency": "usd", "unit_amount": 500, "billing_scheme": "per_unit"}', 1);
select * from given where name = 'late';
select kind, item, reason from waits where name = 'late';
select * from user_entitlements where user_id = 'late';

-- An order is for what was really bought.
insert into orders (id, user_id, amount, currency, line_items)
values (md5('order')::uuid, 'buyer', 1000, 'usd', '[{"price": "price_pack", "quantity": 1}]');
call ask('buyer', '[{"price": "price_pack", "quantity": 2}]', metadata => jsonb_build_object('order_id', md5('order')));
call pay('buyer', 1000);
select status from orders;
call told('buyer', false, item('price_pack', 1, 1000));
select status from orders;
select payload -> 'line_items' as line_items from fulfillment_jobs where payload ->> 'user_id' = 'buyer';

-- A pack of credits in a subscription's checkout is given when its first invoice is paid, and goes with its money.
call ask('sub', '[{"price": "price_plan", "quantity": 1}, {"price": "price_pack", "quantity": 3}]', 'subscription');
call say('invoice.paid', '{"id": "in_1", "object": "invoice", "status": "paid", "amount_due": 4000, "amount_paid": 4000,
  "currency": "usd", "customer": "cus_sub", "created": 1752000000,
  "parent": {"subscription_details": {"subscription": "sub_1"}}, "lines": {"data": []}}', 11);
call pay('sub', 4000, '{"mode": "subscription", "payment_intent": null, "subscription": "sub_1", "invoice": "in_1",
                        "customer": "cus_sub"}');
select * from given where name = 'sub';
call say('customer.subscription.created', '{"id": "sub_1", "object": "subscription", "status": "active",
  "customer": "cus_sub", "created": 1752000000, "metadata": {}, "items": {"data": [{"id": "si_1", "quantity": 1,
  "current_period_start": 1752000000, "current_period_end": 4102444800,
  "price": {"id": "price_plan", "product": "prod_plan"}}]}}', 12);
select kind, item, state, reason from payments.fulfillments
 where source = 'checkout:' || md5('sub')::uuid order by kind, item;
call say('invoice_payment.paid', '{"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "amount_paid": 4000,
  "status": "paid", "currency": "usd", "payment": {"type": "payment_intent", "payment_intent": "pi_sub"}}', 13);
call say('refund.created', '{"id": "re_2", "object": "refund", "status": "succeeded", "amount": 2000, "currency": "usd",
                             "payment_intent": "pi_sub"}', 20);
select * from given where name = 'sub';

-- Nothing links by client_reference_id: a person is asked, and recording the session gives it.
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
values (md5('ref')::uuid, 'test', 'subscription', 'user', 'ref', '[{"price": "price_plan", "quantity": 1},
        {"price": "price_pack", "quantity": 1}]', 'https://a.example', 'https://a.example');
call say('invoice.paid', '{"id": "in_ref", "object": "invoice", "status": "paid", "amount_due": 2000,
  "amount_paid": 2000, "currency": "usd", "customer": "cus_ref", "created": 1752000000,
  "parent": {"subscription_details": {"subscription": "sub_ref"}}, "lines": {"data": []}}', 11);
call pay('ref', 2000, jsonb_build_object('mode', 'subscription', 'payment_intent', null, 'subscription', 'sub_ref',
                                         'invoice', 'in_ref', 'client_reference_id', md5('ref')::uuid));
select kind, source, folded(reason, 76) as reason from payments.review where source like 'session:%';
select payments.record_stripe_response(md5('ref')::uuid, session('ref', 2000, jsonb_build_object(
  'mode', 'subscription', 'client_reference_id', md5('ref')::uuid, 'livemode', false))) ->> 'status' as status;
select * from given where name = 'ref';
select count(*) from payments.review where source like 'session:%';

-- A session that was fetched with its line items expanded says them too.
call ask('expanded', '[{"price": "price_pack", "quantity": 2}]');
call pay('expanded', 1000);
select payments.sync_stripe_objects('test', session('expanded', 1000, jsonb_build_object(
  'line_items', jsonb_build_object('object', 'list', 'has_more', false,
                                   'data', jsonb_build_array(item('price_pack', 1, 1000)))))) -> 'objects' as objects;
select * from given where name = 'expanded';
select * from payments.verify_projections('test');
