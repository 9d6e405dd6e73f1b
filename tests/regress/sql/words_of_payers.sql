-- What a payer or a stranger can write links, pays and gives nothing: client_reference_id, a connected account's
-- events, a session that Stripe made of an expired one, less money than was asked for.
set client_min_messages = warning;
select payments.create_app_tables();
select payments.set_credit_benefit('test', 'price_pack', 100),
       payments.set_entitlement_benefit('test', 'price_pack', 'vip');
create function said(type text, id text, object jsonb, created bigint default 1752000063,
                     more jsonb default '{}') returns text language sql as $$
  select folded(concat_ws(': ', a ->> 'status', a ->> 'error'))
    from payments.apply_stripe_event('test',
                                     jsonb_build_object('id', id, 'object', 'event', 'type', type, 'created', created,
           'livemode', false, 'data', jsonb_build_object('object', object)) || more) a $$;
create function session(id text, local text, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'object', 'checkout.session', 'mode', 'payment', 'status', 'complete',
                            'payment_status', 'paid',
           'amount_total', 2000, 'amount_subtotal', 2000, 'currency', 'usd', 'payment_intent', 'pi_' || id,
           'created', 1752000000,
           'metadata', case when local is null then '{}'
               else jsonb_build_object('insforge_checkout_session_id', md5(local)::uuid) end) || more $$;
create function intent(session text, received bigint, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', 'pi_' || session, 'object', 'payment_intent', 'status', 'succeeded', 'amount', 2000,
                            'amount_received', received,
           'currency', 'usd', 'metadata', '{}'::jsonb, 'created', 1752000010) || more $$;
create procedure open_session(name text, who text default 'ada', stripe_id text default null,
                              order_id text default null) language sql as $$
  insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, line_items,
                                          success_url, cancel_url, stripe_checkout_session_id, metadata)
  values (md5(name)::uuid, 'test', 'payment', 'open', 'user', who, '[{"price": "price_pack", "quantity": 1}]',
          'https://a.example', 'https://a.example', stripe_id,
          jsonb_strip_nulls(jsonb_build_object('order_id', order_id))) $$;
create view given as
  select s.subject_id as who, (select coalesce(sum(l.delta), 0) from credit_ledger l where l.subject_id = s.subject_id)
         as credits,
         (select string_agg(e.key, ',') from user_entitlements e where e.user_id = s.subject_id and e.active) as keys,
         s.status, s.stripe_checkout_session_id as session
    from payments.checkout_sessions s order by s.created_at, s.id;
create view waiting as select kind, source, item, state, reason from payments.fulfillments
 where state not in ('applied', 'reversed') order by source, kind, item;

-- What a payer wrote into client_reference_id names nothing, with a payment link or without.
begin;
call open_session('a');
select said('checkout.session.completed', 'evt_1',
            session('cs_link', null,
                    jsonb_build_object('client_reference_id', md5('a')::uuid, 'payment_link', 'plink_1')));
select said('checkout.session.completed', 'evt_2',
            session('cs_table', null, jsonb_build_object('client_reference_id', md5('a')::uuid, 'payment_link', null)));
table given;
select stripe_checkout_session_id, subject_id from payments.unfulfilled_payments order by 1;
-- Nor do words that are the id of no local row, or of one of the other mode.
select said('checkout.session.completed', 'evt_3',
            session('cs_odd', null, '{"metadata": {"insforge_checkout_session_id": "''; drop table orders"}}'));
select said('checkout.session.completed', 'evt_4', session('cs_none', 'nobody'));
update payments.checkout_sessions set mode = 'subscription';
select said('checkout.session.completed', 'evt_5', session('cs_mode', 'a'));
table given;
update payments.checkout_sessions set mode = 'payment';
select said('checkout.session.completed', 'evt_6', session('cs_named', 'a'));
table given;
rollback;

-- An account that an event names is a stranger's, until somebody says that it is the own one.
begin;
call open_session('a');
select said('checkout.session.completed', 'evt_1', session('cs_1', 'a'), more => '{"account": "acct_seller"}');
select said('checkout.session.completed', 'evt_2', session('cs_1', 'a'), more => '{"context": "acct_seller"}');
select stripe_event_id, stripe_account_id, processing_status from payments.webhook_events order by 1;
set role project_admin;
select payments.set_stripe_account('test', 'acct_own');
reset role;
select said('checkout.session.completed', 'evt_3', session('cs_1', 'a'), more => '{"account": "acct_seller"}');
select said('checkout.session.completed', 'evt_4', session('cs_1', 'a'),
            more => '{"account": "acct_own", "context": "acct_seller"}');
table given;
select said('checkout.session.completed', 'evt_5', session('cs_1', 'a'), more => '{"account": "acct_own"}');
table given;
-- What was ignored can be replayed once it is known.
select payments.set_stripe_account('test', 'acct_seller');
select * from payments.replay_events('test', '{evt_1}');
select environment, stripe_account_id from payments.stripe_connections;
rollback;
select payments.set_stripe_account('prod', 'acct_1');
select payments.set_stripe_account('test', null);
select payments.set_stripe_account('test', 'sk_live_0123456789abcdefghij');
select payments.set_stripe_account('test', 'acct_1; drop table orders');
set role authenticated;
select payments.set_stripe_account('test', 'acct_1');
reset role;

-- A session that Stripe recovered from an expired one takes its place; so does one recovered from that.
begin;
call open_session('a', stripe_id => 'cs_1');
select said('checkout.session.expired', 'evt_1',
            session('cs_1', 'a', '{"status": "expired", "payment_status": "unpaid", "payment_intent": null}'));
select said('checkout.session.completed', 'evt_3',
            session('cs_3', 'a', '{"recovered_from": "cs_2", "customer": "cus_1"}'));
table given;
select said('checkout.session.expired', 'evt_2',
            session('cs_2', 'a',
                    '{"recovered_from": "cs_1", "status": "expired", "payment_status": "unpaid",
                      "payment_intent": null}'));
table given;
select recovered_from, claimed_by_session, payment_status, stripe_payment_intent_id from payments.checkout_sessions;
select subject_id, stripe_customer_id from payments.stripe_customer_mappings;
-- The next one that is paid for it waits for a person, as long as its money is there.
select said('checkout.session.completed', 'evt_4',
            session('cs_4', 'a', '{"recovered_from": "cs_1", "created": 1752000001}'), 1752000099);
table given;
table waiting;
select payments.retry_fulfillments();
select said('refund.created', 'evt_5',
            '{"id": "re_4", "object": "refund", "status": "succeeded", "amount": 2000, "currency": "usd",
              "payment_intent": "pi_cs_4", "created": 1752000100}');
table waiting;
select * from payments.verify_projections('test');
-- The backend's answer for the first one may come again.
select payments.record_stripe_response(md5('a')::uuid,
                                       '{"id": "cs_1", "object": "checkout.session", "livemode": false}')
       ->> 'stripe_checkout_session_id' as session;
rollback;
-- Nothing takes the place of one that is open, completed or paid, whatever it says of itself.
begin;
call open_session('a', stripe_id => 'cs_1');
select said('checkout.session.completed', 'evt_2', session('cs_2', 'a', '{"recovered_from": "cs_1"}'));
table given;
select said('checkout.session.completed', 'evt_1', session('cs_1', 'a', '{"payment_status": "unpaid"}'));
table given;
table waiting;
rollback;
-- The row learns of its session after all of them.
begin;
call open_session('a');
select said('checkout.session.completed', 'evt_2', session('cs_2', null, '{"recovered_from": "cs_1"}'));
select said('checkout.session.expired', 'evt_1',
            session('cs_1', null, '{"status": "expired", "payment_status": "unpaid"}'));
table given;
select payments.record_stripe_response(md5('a')::uuid,
                                       '{"id": "cs_1", "object": "checkout.session", "livemode": false}')
       ->> 'status' as status;
table given;
select * from payments.verify_projections('test');
rollback;
-- Who says to be recovered from itself, or in a circle, comes to an end.
begin;
select said('checkout.session.expired', 'evt_1',
            session('cs_1', null, '{"recovered_from": "cs_1", "status": "expired", "payment_status": "unpaid"}'));
select said('checkout.session.expired', 'evt_2',
            session('cs_2', null, '{"recovered_from": "cs_3", "status": "expired", "payment_status": "unpaid"}'));
select said('checkout.session.completed', 'evt_3', session('cs_3', null, '{"recovered_from": "cs_2"}'));
call open_session('a', stripe_id => 'cs_2');
table given;
rollback;

-- Less money than was asked for gives nothing; what was given before that was known is taken back, and given again when
-- the rest comes.
begin;
insert into orders (id, user_id, amount, currency) values (md5('order')::uuid, 'ada', 2000, 'usd');
call open_session('a', stripe_id => 'cs_1', order_id => md5('order')::uuid::text);
select said('checkout.session.completed', 'evt_1', session('cs_1', 'a', '{"payment_status": "unpaid"}'));
select said('payment_intent.succeeded', 'evt_2', intent('cs_1', 1200));
select status, amount, shortfall from payments.payment_history;
table given;
select status from orders;
select count(*) as lines from credit_ledger;
select count(*) as jobs from fulfillment_jobs;
table waiting;
select payments.retry_fulfillments();
select said('payment_intent.succeeded', 'evt_3', intent('cs_1', 2000), 1752000099);
table given;
select status from orders;
select kind from fulfillment_jobs;
table waiting;
select * from payments.verify_projections('test');
rollback;
begin;
insert into orders (id, user_id, amount, currency) values (md5('order')::uuid, 'ada', 2000, 'usd');
call open_session('a', stripe_id => 'cs_1', order_id => md5('order')::uuid::text);
select said('checkout.session.completed', 'evt_1', session('cs_1', 'a'));
table given;
select status from orders;
select said('charge.succeeded', 'evt_2',
            '{"id": "ch_1", "object": "charge", "status": "succeeded", "captured": true, "amount": 2000,
              "amount_captured": 1200, "currency": "usd", "payment_intent": "pi_cs_1", "created": 1752000011}');
table given;
select status, paid_at from orders;
select delta, balance_after, reason from credit_ledger order by id;
select count(*) as entitlements, (select count(*) from fulfillment_jobs) as jobs from user_entitlements;
table waiting;
select said('payment_intent.succeeded', 'evt_3', intent('cs_1', 2000), 1752000099);
table given;
select status from orders;
select delta, balance_after, reason from credit_ledger order by id;
select said('refund.created', 'evt_4',
            '{"id": "re_1", "object": "refund", "status": "succeeded", "amount": 500, "currency": "usd",
              "payment_intent": "pi_cs_1", "created": 1752000100}');
table given;
select * from payments.verify_projections('test');
rollback;
-- In the payer's currency as well; an invoice is paid when it says so, and what costs nothing is never less.
begin;
call open_session('a', 'ada', 'cs_1'); call open_session('b', 'bob', 'cs_2'); call open_session('c', 'cay', 'cs_3');
call open_session('d', 'dan', 'cs_4');
select said('payment_intent.succeeded', 'evt_1', intent('cs_1', 1849, '{"amount": 1850, "currency": "eur"}'));
select said('checkout.session.completed', 'evt_2',
            session('cs_1', 'a',
                    '{"presentment_details": {"presentment_amount": 1850, "presentment_currency": "eur"}}'));
select said('payment_intent.succeeded', 'evt_3', intent('cs_2', 1850, '{"amount": 1850, "currency": "eur"}'));
select said('checkout.session.completed', 'evt_4',
            session('cs_2', 'b',
                    '{"currency": "eur", "amount_total": 1850,
                      "currency_conversion": {"amount_total": 2000, "amount_subtotal": 2000,
                      "source_currency": "usd"}}'));
select said('payment_intent.succeeded', 'evt_5', intent('cs_3', 1500));
select said('checkout.session.completed', 'evt_6', session('cs_3', 'c', '{"invoice": "in_3"}'));
select said('checkout.session.completed', 'evt_7',
            session('cs_4', 'd',
                    '{"payment_status": "no_payment_required", "payment_intent": null, "amount_total": 0}'));
select stripe_checkout_session_id, amount, currency, shortfall from payments.payment_history order by 1;
table given;
rollback;
