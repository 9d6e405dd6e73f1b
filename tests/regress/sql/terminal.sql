-- What a buyer writes is read by an admin, on a terminal: nothing of it moves the cursor, hides a line or turns words
-- around. Names that callers write have only characters that are seen; metadata may hold anything, and is shown so.
set client_min_messages = warning;
set timezone = 'UTC';
select payments.create_app_tables();
-- Whether a text would steer a terminal, character by character.
create function steers(said text) returns boolean language sql as $$
  select exists (select from regexp_split_to_table(said, '') c
                  where c <> '' and (ascii(c) < 32 or ascii(c) between 127 and 159 or ascii(c) in (8232, 8233)
                                     or ascii(c) between 8234 and 8238 or ascii(c) between 8294 and 8297)) $$;
create function asks(item jsonb, metadata jsonb default '{}', key text default null) returns text language sql as $$
  select status from payments.create_checkout_session('test', 'payment', jsonb_build_array(item), 'https://a.example',
    'https://a.example', 'user', 'mal', metadata => metadata, idempotency_key => key) $$;

set role authenticated;
set request.jwt.claims = '{"sub": "mal", "role": "authenticated"}';
select asks(jsonb_build_object('price', e'price_1\x1b[2J'));
select asks(jsonb_build_object('price', e'price_1\u202epaid'));
select asks('{"price": "price_1 paid in full"}');
select asks(jsonb_build_object('lookup_key', e'basic\u2028paid'));
select asks('{"price": "price_1"}', key => e'k\u2066');
select payments.create_customer_portal_session('test', 'user', 'mal', configuration_id => e'bpc_\u202e');
select payments.create_customer_portal_session('test', 'user', e'mal\u009b');
select payments.request_subscription_change('test', 'sub_1', 'change', e'price_1\x1b[2J');
select asks('{"price": "price_1"}', jsonb_build_object('order_id', e'x\x1b]0;pwned\x07\x1b[2J\nAll is \u202ewell.'));
reset role;
reset request.jwt.claims;

select payments.record_stripe_response(id, '{"id": "cs_1", "object": "checkout.session", "livemode": false}')
    is not null as recorded from payments.checkout_sessions;
select payments.apply_stripe_event('test', '{"id": "evt_1", "object": "event", "type": "checkout.session.completed",
  "created": 1752000000, "livemode": false, "data": {"object": {"id": "cs_1", "object": "checkout.session",
  "mode": "payment", "status": "complete", "payment_status": "paid", "amount_total": 1, "amount_subtotal": 1,
  "currency": "usd", "payment_intent": "pi_1", "customer": "cus_1", "metadata": {}}}}') ->> 'status' as status;
select reason, steers(reason || next_step) from payments.review;
select folded(detail) as detail, steers(detail || fix) from payments.doctor() where check_name = 'review';
select folded(regexp_replace(story, '[0-9a-f]{8}-[-0-9a-f]+', '…')) as story from payments.explain('cs_1')
 where story ~ 'order';
select steers(story), count(*) from payments.explain('cs_1') group by 1;
select reason, steers(reason || next_step) from payments.unfulfilled_payments;
-- The order's id itself stays as it is: that is how the order is found.
select steers(metadata ->> 'order_id') from payments.checkout_sessions;

-- An event that fails on what its object says, and money of another app.
create function refuse() returns trigger language plpgsql as $$ begin raise 'no product %', new.name; end $$;
create trigger refuse before insert on payments.products for each row execute function refuse();
select payments.apply_stripe_event('test', '{"id": "evt_2", "object": "event", "type": "product.created",
  "livemode": false, "created": 1752000000, "data": {"object": {"id": "prod_1", "object": "product",
  "name": "Bo\u001b[8mok\u2067", "active": true}}}') ->> 'status' as status;
select last_error, steers(last_error) from payments.webhook_events where processing_status = 'failed';
select folded(detail) as detail, steers(detail) from payments.doctor() where check_name = 'failed events';
select payments.apply_stripe_event('test', '{"id": "evt_3", "object": "event", "type": "payment_intent.succeeded",
  "created": 1752000000, "livemode": false, "data": {"object": {"id": "pi_2", "object": "payment_intent",
  "status": "succeeded", "amount": 5, "amount_received": 5, "currency": "usd", "created": 1752000000,
  "metadata": {"order_id": "y\u001b[2J"}}}}') ->> 'status' as status;
select reason, steers(reason) from payments.unfulfilled_payments where stripe_payment_intent_id = 'pi_2';

-- Names in the database.
create role "esc[2J\u202e" nologin;
do $$ begin execute format('alter role "esc[2J\u202e" rename to %I', e'esc\x1b[2J\u202e'); end $$;
do $$ begin execute format('grant select on payments.facts to %I', e'esc\x1b[2J\u202e'); end $$;
select steers(detail), steers(fix) from payments.doctor() where check_name = 'grants' and not ok;
