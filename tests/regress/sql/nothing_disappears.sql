-- Money that gave nothing is shown with the reason and the next step; a payment that another backend wrote follows what
-- comes of it; explain() tells both.
set client_min_messages = warning;
create function said(type text, id text, object jsonb, created bigint default 1752000063) returns text
  language sql as $$
  select folded(concat_ws(': ', a ->> 'status', a ->> 'error'))
    from payments.apply_stripe_event('test', jsonb_build_object('id', id, 'object', 'event', 'type', type,
           'created', created, 'livemode', false, 'data', jsonb_build_object('object', object))) a $$;
create function intent(name text, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', 'pi_' || name, 'object', 'payment_intent', 'status', 'succeeded', 'amount', 2000,
    'amount_received', 2000, 'currency', 'usd', 'metadata', '{}'::jsonb, 'created', 1752000010,
    'customer', 'cus_' || name, 'latest_charge', 'ch_' || name) || more $$;
create function charged(name text, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', 'ch_' || name, 'object', 'charge', 'status', 'succeeded', 'paid', true,
    'captured', true, 'amount', 2000, 'amount_captured', 2000, 'amount_refunded', 0, 'currency', 'usd',
    'payment_intent', 'pi_' || name, 'customer', 'cus_' || name, 'created', 1752000011) || more $$;
create function refund(name text, amount bigint, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', 're_' || name, 'object', 'refund', 'status', 'succeeded', 'amount', amount,
    'currency', 'usd', 'charge', 'ch_' || name, 'payment_intent', 'pi_' || name, 'created', 1752005000) || more $$;
create function dispute(name text, status text, amount bigint) returns jsonb language sql as $$
  select jsonb_build_object('id', 'dp_' || name, 'object', 'dispute', 'status', status, 'amount', amount,
    'currency', 'usd', 'charge', 'ch_' || name, 'payment_intent', 'pi_' || name, 'created', 1752006000) $$;
create function session(name text, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', 'cs_' || name, 'object', 'checkout.session', 'mode', 'payment',
    'status', 'complete', 'payment_status', 'paid', 'amount_total', 2000, 'amount_subtotal', 2000, 'currency', 'usd',
    'payment_intent', 'pi_' || name, 'created', 1752000000, 'metadata', '{}'::jsonb) || more $$;
create function invoice(name text, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', 'in_' || name, 'object', 'invoice', 'status', 'paid', 'amount_due', 2000,
    'amount_paid', 2000, 'total', 2000, 'currency', 'usd', 'customer', 'cus_' || name, 'created', 1752000060,
    'status_transitions', jsonb_build_object('paid_at', 1752000061), 'metadata', '{}'::jsonb,
    'lines', '{"data": []}'::jsonb) || more $$;
create procedure open_session(name text, price text default 'price_nothing', metadata jsonb default '{}')
  language sql as $$
  insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, line_items,
                                          success_url, cancel_url, stripe_checkout_session_id, metadata)
  values (md5(name)::uuid, 'test', 'payment', 'open', 'user', name,
          jsonb_build_array(jsonb_build_object('price', price, 'quantity', 1)),
          'https://a.example', 'https://a.example', 'cs_' || name, metadata) $$;
create view shown as
  select coalesce(stripe_payment_intent_id, stripe_charge_id) as money, type, amount, amount_refunded as back,
         subject_id as who, folded(reason, 60) as reason, folded(next_step, 60) as next_step
    from payments.unfulfilled_payments order by 1;
create view waiting as
  select kind, amount, currency, folded(reason, 50) as reason, folded(next_step, 50) as next_step
    from payments.review order by 1, 4;

-- A payment intent that neither a session nor an invoice speaks of, with an order's id and without; a charge alone.
begin;
select said('payment_intent.succeeded', 'evt_1', intent('plain')),
       said('payment_intent.succeeded', 'evt_2', intent('order', '{"metadata": {"order_id": "7"}}')),
       said('charge.succeeded', 'evt_3', charged('order')),
       said('charge.succeeded', 'evt_4', charged('old', '{"payment_intent": null}')),
       said('refund.created', 'evt_5', refund('order', 500));
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'user', 'ada', 'cus_order');
select * from shown;
select paid_at, currency, stripe_charge_id, stripe_customer_id, id is null as no_row
  from payments.unfulfilled_payments where stripe_payment_intent_id = 'pi_order';
-- A session claims one late; what went back is none that disappeared.
select said('checkout.session.completed', 'evt_6', session('plain')),
       said('refund.created', 'evt_7', refund('order', 1500, '{"id": "re_order2"}'));
select money, type, reason from shown;
-- Within the hour something may still claim it.
select said('payment_intent.succeeded', 'evt_8', intent('young'), extract(epoch from now())::bigint - 3500);
select said('payment_intent.succeeded', 'evt_9', intent('older'), extract(epoch from now())::bigint - 3700);
select money from shown where money in ('pi_young', 'pi_older');
rollback;

-- It is probably what paid an invoice: the same customer, amount and day, and nothing says what paid that one.
begin;
select said('payment_intent.succeeded', 'evt_1', intent('own')), said('invoice.paid', 'evt_2', invoice('own')),
       said('payment_intent.succeeded', 'evt_3', intent('other')),
       said('invoice.paid', 'evt_4', invoice('other', '{"amount_paid": 2001}'));
select money, reason, next_step from shown where type = 'unclaimed';
-- The invoice payment comes after all.
select said('invoice_payment.paid', 'evt_5', '{"id": "inpay_1", "object": "invoice_payment", "invoice": "in_own",
  "status": "paid", "amount_paid": 2000, "currency": "usd", "created": 1752000061,
  "payment": {"type": "payment_intent", "payment_intent": "pi_own"}}');
select money, reason from shown where type = 'unclaimed';
rollback;

-- A local session that names no order, or an unknown one, or gives nothing.
begin;
call open_session('bare');
select said('checkout.session.completed', 'evt_0', session('bare'));
select money, reason, next_step from shown;
select payments.create_app_tables();
call open_session('forgotten');
call open_session('unknown', metadata => '{"order_id": "00000000-0000-4000-8000-000000000009"}');
select said('checkout.session.completed', 'evt_1', session('forgotten')),
       said('checkout.session.completed', 'evt_2', session('unknown')),
       said('refund.created', 'evt_3', refund('unknown', 300));
select money, back, reason, next_step from shown where money <> 'pi_bare';
select * from waiting;
-- What the next step says helps.
insert into public.orders (id, user_id, subject_type, subject_id, amount, currency)
values ('00000000-0000-4000-8000-000000000008', 'forgotten', 'user', 'forgotten', 2000, 'usd'),
       ('00000000-0000-4000-8000-000000000009', 'unknown', 'user', 'unknown', 2000, 'usd');
update payments.checkout_sessions set metadata = '{"order_id": "00000000-0000-4000-8000-000000000008"}'
 where stripe_checkout_session_id = 'cs_forgotten';
select payments.retry_fulfillments(reference => 'cs_forgotten'), payments.retry_fulfillments();
select status, amount_refunded from public.orders order by id;
select money from shown where money <> 'pi_bare';
rollback;

-- A payment that another backend wrote, whose session is here: a refund and a lost dispute take back what it gave.
begin;
select payments.create_app_tables(), payments.set_credit_benefit('test', 'price_pack', 100);
create view balance as select subject_id, sum(delta) from public.credit_ledger group by 1 order by 1;
create view row_of as
  select stripe_payment_intent_id as pi, stripe_charge_id as ch, status, amount, amount_refunded as back, refunded_at,
         dispute_status, amount_lost as lost, subject_id as who, paid_at, description, raw
    from payments.payment_history where type not in ('refund', 'dispute') order by 1;
create procedure wrote(name text, more jsonb default '{}') language plpgsql as $$
  begin
    call open_session(name, 'price_pack');
    insert into payments.payment_history (environment, type, status, subject_type, subject_id,
      stripe_checkout_session_id, stripe_payment_intent_id, stripe_charge_id, amount, currency, paid_at, description,
      raw)
    select 'test', 'one_time_payment', coalesce(r.status, 'succeeded'), 'user', name, 'cs_' || name, r.pi, r.ch, 2000,
           'usd', to_timestamp(1751000000), 'written elsewhere', '{"theirs": true}'
      from jsonb_to_record(jsonb_build_object('pi', 'pi_' || name) || more) r (status text, pi text, ch text);
  end $$;
call wrote('ada');
call wrote('bob', '{"pi": null, "ch": "ch_bob"}');
call wrote('eve', '{"pi": null}');
table balance;
select said('refund.created', 'evt_1', refund('ada', 500)),
       said('charge.dispute.closed', 'evt_2', dispute('bob', 'lost', 800)),
       said('charge.refunded', 'evt_3', charged('ada', '{"amount_refunded": 500}'), 1752005000);
table row_of;
table balance;
-- The refund fails after all: as before.
select said('refund.failed', 'evt_4', refund('ada', 500, '{"status": "failed"}'), 1752009000);
select status, back from row_of where pi = 'pi_ada';
table balance;
-- The session is told late and joins the row; nothing that the backend wrote is lost.
select said('checkout.session.completed', 'evt_5', session('ada', '{"customer": "cus_ada"}')),
       said('checkout.session.completed', 'evt_6', session('eve'));
select p.status, p.description, p.paid_at, p.stripe_customer_id, p.by_backend
  from payments.payment_history p where type = 'one_time_payment' order by p.subject_id;
table balance;
select count(*) from payments.verify_projections('test');
update payments.payment_history set by_backend = false where subject_id = 'ada' and type = 'one_time_payment';
select column_name, stored, derived from payments.verify_projections('test');
select payments.rebuild_projections('test') > 0 as rebuilt;
select count(*) from payments.verify_projections('test');
table balance;
select folded(story) as story from payments.explain('pi_bob');
rollback;

-- The refund comes first, then the backend's row.
begin;
select payments.create_app_tables(), payments.set_credit_benefit('test', 'price_pack', 100);
call open_session('cay', 'price_pack');
select said('refund.created', 'evt_1', refund('cay', 500));
insert into payments.payment_history (environment, type, status, stripe_payment_intent_id, amount, currency, paid_at,
                                      stripe_checkout_session_id)
values ('test', 'one_time_payment', 'succeeded', 'pi_cay', 2000, 'usd', to_timestamp(1751000000), 'cs_cay'),
       ('test', 'one_time_payment', 'succeeded', 'pi_dan', 2000, 'usd', to_timestamp(1751000000), null);
select stripe_payment_intent_id, status, amount_refunded, type from payments.payment_history order by 1, 4;
select sum(delta) from public.credit_ledger;
select count(*) from payments.verify_projections('test');
select money, reason, next_step from shown;
-- A row that is told its payment intent later, too.
select said('refund.created', 'evt_2', refund('fay', 700));
insert into payments.payment_history (environment, type, status, amount, currency, paid_at)
values ('test', 'one_time_payment', 'succeeded', 2000, 'usd', to_timestamp(1751000000));
update payments.payment_history set stripe_payment_intent_id = 'pi_fay'
 where stripe_payment_intent_id is null and type = 'one_time_payment';
select status, amount_refunded from payments.payment_history
 where stripe_payment_intent_id = 'pi_fay' and type <> 'refund';
select count(*) from payments.verify_projections('test');
rollback;

-- What explain() tells: money that nothing claims, events that changed nothing, a recovered session, a period that
-- ended without a word of the next, a dispute of a part, what needs a person.
begin;
select payments.create_app_tables();
create function told(reference text) returns setof text language sql as $$
  select folded(story, 90) from payments.explain(reference) where story not like '%asked to pay%' $$;
select said('payment_intent.succeeded', 'evt_1', intent('lone')),
       said('payment_intent.succeeded', 'evt_2', intent('new'), extract(epoch from now())::bigint),
       said('payment_intent.created', 'evt_3', intent('lone')),
       said('payment_intent.created', 'evt_4', intent('lone'));
select told('pi_lone');
select told('pi_new');
select told('cus_lone');
call open_session('first');
select said('checkout.session.expired', 'evt_5', session('first', '{"status": "expired", "payment_status": "unpaid",
  "payment_intent": null}')),
       said('checkout.session.completed', 'evt_6', session('again', '{"recovered_from": "cs_first"}')),
       said('charge.dispute.closed', 'evt_7', dispute('again', 'lost', 800));
select told('cs_first');
select count(*) > 0 and count(*) = (select count(*) from told('cs_first')) as same_story from told('cs_again');
select said('checkout.session.completed', 'evt_8', session('link'));
select told('pi_link');
call open_session('lost', metadata => '{"order_id": "00000000-0000-4000-8000-000000000009"}');
select said('checkout.session.completed', 'evt_9', session('lost'));
select told('00000000-0000-4000-8000-000000000009');
create function subscription(id text, ended interval, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'object', 'subscription', 'status', 'active', 'customer', 'cus_s', 'created',
    1752000060, 'metadata', '{}'::jsonb, 'items', jsonb_build_object('data', jsonb_build_array(jsonb_build_object(
    'id', 'si_' || id, 'quantity', 1, 'current_period_start', 1752000060,
    'current_period_end', extract(epoch from now() - ended)::bigint,
    'price', '{"id": "price_s", "product": "prod_s"}'::jsonb)))) || more $$;
select said('customer.subscription.created', 'evt_a', subscription('sub_late', '1 day')),
       said('customer.subscription.created', 'evt_b', subscription('sub_gone', '4 days')),
       said('customer.subscription.created', 'evt_c', subscription('sub_end', '1 day', '{"cancel_at": 1999999999}'));
select folded(regexp_replace(story, '(until|ended at) .*', '\1 …')) as story
  from payments.explain('cus_s') where story like 'the period%';
rollback;

-- Admins read both views, members none.
select said('payment_intent.succeeded', 'evt_1', intent('plain'));
set role project_admin;
select type, reason from payments.unfulfilled_payments;
select count(*) from payments.review;
set role authenticated;
select count(*) from payments.unfulfilled_payments;
select count(*) from payments.review;
reset role;
