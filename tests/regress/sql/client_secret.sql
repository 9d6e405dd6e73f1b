-- A page within the app's own: it has a client_secret in place of a url, which ends with the session.
\set ON_ERROR_ROLLBACK on
select payments.set_checkout_defaults('test', '{"ui_mode": "embedded", "submit_type": "book"}');
select payments.set_checkout_defaults('test', '{"ui_mode": "elements"}', 'price_elements');
select payments.set_checkout_defaults('test', '{"ui_mode": "hosted_page"}', 'price_hosted');
create function made(n int, price text default 'price_1') returns uuid language sql as $$
  insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                          cancel_url)
  values (('00000000-0000-4000-8000-00000000000' || n)::uuid, 'test', 'payment', 'user', 'ada',
          jsonb_build_array(jsonb_build_object('price', price)), 'https://a.example/paid', 'https://a.example/cart')
  returning id $$;
create function answer(n int, more jsonb default '{}') returns text language sql as $$
  select concat_ws(' ', r ->> 'status', r ->> 'url', r ->> 'client_secret', (r -> 'raw') - 'object' - 'livemode')
    from payments.record_stripe_response(('00000000-0000-4000-8000-00000000000' || n)::uuid, jsonb_build_object(
      'id', 'cs_test_' || n, 'object', 'checkout.session', 'livemode', false,
      'client_secret', 'cs_test_' || n || '_secret_x') || more) r $$;
create view secrets as
  select stripe_checkout_session_id as id, status, client_secret, raw::text ~ 'secret' as raw_has_it
    from payments.checkout_sessions order by created_at, id;
select payments.set_webhook_secret('test', 'whsec_of_a_test');
begin;
-- In the words of the version that the request names.
select payments.stripe_version() as version, n, p ->> 'ui_mode' as ui_mode, p ->> 'return_url' as return_url,
       p ->> 'success_url' as success_url, p ->> 'cancel_url' as cancel_url, p ->> 'submit_type' as submit_type
  from (values (1, 'price_1'), (2, 'price_elements'), (3, 'price_hosted')) as w(n, price),
       lateral (select payments.stripe_request(made(n, price)) -> 'params') r(p);
savepoint older;
set local payments.stripe_version = '2025-09-30.clover';
select r ->> 'stripe_version' as version, r #>> '{params,ui_mode}' as ui_mode
  from unnest('{4,5}'::int[], '{price_1,price_elements}'::text[]) as w(n, price),
       lateral payments.stripe_request(made(n, price)) r;
rollback to older;

-- Recorded, it is the row's, and stands nowhere else.
select answer(1), answer(2, '{"payment_intent": {"id": "pi_2", "client_secret": "pi_2_secret_y"}}'), answer(3);
table secrets;
-- Its own user reads it as he reads the url, and nobody else; nobody writes it.
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada", "role": "authenticated"}';
select client_secret from payments.checkout_sessions where stripe_checkout_session_id = 'cs_test_1';
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url, client_secret)
values ('test', 'payment', '[{"price": "p"}]', 'https://a.example', 'https://a.example', 'mine');
set local request.jwt.claims = '{"sub": "bob", "role": "authenticated"}';
select count(*) from payments.checkout_sessions;
reset role;

-- It ends with the session: by an event, by a backend's own word; an answer that comes late brings none.
savepoint ends;
select status from payments.sign_test_event('{"id": "evt_1", "object": "event", "type": "checkout.session.completed",
  "created": 1752000000, "livemode": false, "data": {"object": {"id": "cs_test_1", "object": "checkout.session",
  "mode": "payment", "status": "complete", "payment_status": "paid", "amount_total": 0, "currency": "usd",
  "client_secret": null}}}') e, lateral (select payments.receive_stripe_webhook('test', e.payload, e.signature)
  ->> 'status' as status) a;
select status from payments.sign_test_event('{"id": "evt_2", "object": "event", "type": "checkout.session.expired",
  "created": 1752000000, "livemode": false, "data": {"object": {"id": "cs_test_2", "object": "checkout.session",
  "mode": "payment", "status": "expired", "payment_status": "unpaid", "client_secret": null}}}') e,
  lateral (select payments.receive_stripe_webhook('test', e.payload, e.signature) ->> 'status' as status) a;
update payments.checkout_sessions set status = 'completed' where stripe_checkout_session_id = 'cs_test_3';
table secrets;
select answer(1), answer(2), answer(3);
update payments.checkout_sessions set client_secret = 'again', raw = '{"client_secret": "again", "a": 1}';
table secrets;
rollback to ends;
-- A failed session has none; one that failed and was made after all has.
select made(6);
select payments.record_stripe_error(made(7), 'no') ->> 'client_secret' as secret;
select answer(7);
insert into payments.checkout_sessions (environment, mode, status, line_items, success_url, cancel_url, client_secret)
values ('test', 'payment', 'expired', '[{"price": "p"}]', 'https://a.example', 'https://a.example', 'cs_9_secret_z'),
       ('test', 'payment', 'open', '[{"price": "p"}]', 'https://a.example', 'https://a.example', 'cs_9_secret_z')
returning status, client_secret;
-- What is refused shows none of it.
select payments.record_stripe_response('00000000-0000-4000-8000-000000000006', '{"id": "cs_live_1",
  "object": "checkout.session", "client_secret": "cs_live_1_secret_x"}');
rollback;
