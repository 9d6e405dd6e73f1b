-- Which payment pays an order: amount, currency, owner and environment must match what the local session says, and a
-- person sees why it was not paid otherwise.

set client_min_messages = warning;
select payments.create_app_tables();
create function order_id(name text) returns uuid language sql immutable as $$ select md5(name)::uuid $$;
create procedure make_order(name text, owner text default 'ada', amount bigint default 2000,
                            status text default 'pending') language sql as $$
  insert into orders (id, user_id, amount, currency, status) values (order_id(name), owner, amount, 'eur', status)
$$;
-- A session of ada's that names an order, and later its payment.
create procedure open_session(name text, order_id text, caller text default 'ada', environment text default 'test')
  language sql as $$
  insert into payments.checkout_sessions (id, environment, mode, status, created_by, line_items, success_url,
                                          cancel_url, metadata, stripe_checkout_session_id, stripe_payment_intent_id)
  values (md5('session ' || name)::uuid, environment, 'payment', 'open', caller,
          '[{"price": "price_x", "quantity": 1}]', 'https://a.example', 'https://a.example',
          jsonb_build_object('order_id', order_id), 'cs_' || name, 'pi_' || name)
$$;
create procedure pay(name text, amount bigint default 2000, currency text default 'eur',
                     status text default 'succeeded', paid_at timestamptz default '2026-01-01 00:00+00')
  language sql as $$
  insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency,
                                        paid_at)
  values ('test', 'one_time_payment', status, 'cs_' || name, amount, currency, paid_at)
$$;
create view story as
  select substr(s.stripe_checkout_session_id, 4) as session, f.state,
         folded(replace(f.reason, s.id::text, '…'), 50) as reason, o.status, o.amount_refunded as refunded
    from payments.fulfillments f
    join payments.checkout_sessions s on f.source = 'checkout:' || s.id
    left join orders o on o.id::text = f.item
   where f.kind = 'orders'
   order by s.created_at, s.stripe_checkout_session_id;

-- honest, by INSERT and by UPDATE of another backend
call make_order('honest');
call open_session('honest', order_id('honest')::text);
call pay('honest', status => 'pending');
table story;
update payments.payment_history set status = 'succeeded';
table story;
select status, stripe_checkout_session_id, stripe_payment_intent_id, paid_at = '2026-01-01 00:00+00' as paid_then
  from orders;

-- forged
begin;
call make_order('cheap'); call open_session('cheap', order_id('cheap')::text); call pay('cheap', 1);
call make_order('yen'); call open_session('yen', order_id('yen')::text); call pay('yen', currency => 'jpy');
call make_order('bobs', 'bob'); call open_session('bobs', order_id('bobs')::text); call pay('bobs');
call make_order('guest'); call open_session('guest', order_id('guest')::text, null); call pay('guest');
call make_order('live'); update orders set environment = 'live' where id = order_id('live');
call open_session('live', order_id('live')::text); call pay('live');
call open_session('unknown', order_id('nobody')::text); call pay('unknown');
call open_session('malformed', 'robert''); drop table orders;--'); call pay('malformed');
call open_session('empty', ''); call pay('empty');
call make_order('canceled', status => 'canceled'); call open_session('canceled', order_id('canceled')::text);
call pay('canceled');
call make_order('fulfilled', status => 'fulfilled'); call open_session('fulfilled', order_id('fulfilled')::text);
call pay('fulfilled');
call make_order('written'); call open_session('written', upper(order_id('written')::text)); call pay('written');
table story;
select count(*) as for_a_person from payments.review;
-- the money of a forgery goes back: nothing is left to do
update payments.payment_history set status = 'refunded', amount_refunded = amount
 where stripe_checkout_session_id = 'cs_cheap';
select * from story where session = 'cheap';
-- the app mends the order: trying again pays it
update orders set user_id = 'ada' where user_id = 'bob';
select payments.retry_fulfillments();
select * from story where session = 'bobs';
rollback;

-- the payment's session belongs to the other environment: nothing of it is given
call make_order('wall');
call open_session('wall', order_id('wall')::text, environment => 'live');
call pay('wall');
select status from orders where id = order_id('wall');

-- paid twice, the later payment first: the earlier one pays it, whichever came first
begin;
call make_order('twice');
call open_session('late', order_id('twice')::text); call open_session('early', order_id('twice')::text);
call pay('late', paid_at => '2026-01-02 00:00+00');
select * from story where session in ('late', 'early');
call pay('early', paid_at => '2026-01-01 00:00+00');
select * from story where session in ('late', 'early');
select stripe_checkout_session_id from orders where id = order_id('twice');
-- the first goes back: the second pays it
update payments.payment_history set status = 'refunded', amount_refunded = amount
 where stripe_checkout_session_id = 'cs_early';
select * from story where session in ('late', 'early');
rollback;

-- refunds and disputes; what the app fulfilled stays so, and comes back as fulfilled
begin;
update payments.payment_history set status = 'partially_refunded', amount_refunded = 500;
table story;
update orders set status = 'fulfilled' where id = order_id('honest');
update payments.payment_history set status = 'refunded', amount_refunded = 2000;
table story;
update payments.payment_history set status = 'succeeded', amount_refunded = 0;
table story;
update payments.payment_history set dispute_status = 'needs_response';
table story;
update payments.payment_history set dispute_status = 'lost';
table story;
update payments.payment_history set dispute_status = 'won';
table story;
rollback;

-- the session learns its Stripe id after the payment was written
call make_order('overtaken');
call pay('overtaken');
call open_session('overtaken', order_id('overtaken')::text);
select * from story where session = 'overtaken';
-- and the refund came before the payment
call make_order('refunded');
call open_session('refunded', order_id('refunded')::text);
call pay('refunded', status => 'refunded');
select * from story where session = 'refunded';

-- what the app went on with stays with the payment that paid it
begin;
call make_order('gone_on');
call open_session('one', order_id('gone_on')::text); call open_session('two', order_id('gone_on')::text);
call pay('one'); call pay('two', paid_at => '2026-01-02 00:00+00');
update orders set status = 'fulfilled' where id = order_id('gone_on');
update payments.payment_history set status = 'refunded', amount_refunded = amount
 where stripe_checkout_session_id = 'cs_one';
select * from story where session in ('one', 'two');
rollback;

-- a refund that fails later brings the order back, though a write failed in between
begin;
call make_order('back');
call open_session('back', order_id('back')::text);
call pay('back');
update payments.payment_history set status = 'refunded', amount_refunded = amount
 where stripe_checkout_session_id = 'cs_back';
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$;
create trigger refuse before update on orders for each row execute function refuse();
update payments.payment_history set status = 'succeeded', amount_refunded = 0
 where stripe_checkout_session_id = 'cs_back';
select * from story where session = 'back';
drop trigger refuse on orders;
select payments.retry_fulfillments(reference => 'cs_back');
select * from story where session = 'back';
rollback;

-- a job knows only the order that its payment holds
begin;
call make_order('held'); call make_order('stolen', 'bob');
call open_session('later', order_id('held')::text); call open_session('sooner', order_id('held')::text);
call open_session('thief', order_id('stolen')::text);
call pay('later', paid_at => '2026-01-02 00:00+00');
create view jobs as select substr(s.stripe_checkout_session_id, 4) as session,
    j.payload ->> 'order_id' = s.metadata ->> 'order_id' as knows_its_order
  from fulfillment_jobs j join payments.checkout_sessions s on j.source = 'checkout:' || s.id
 where substr(s.stripe_checkout_session_id, 4) in ('later', 'sooner', 'thief') order by 1;
table jobs;
call pay('sooner'); call pay('thief');
table jobs;
rollback;

-- a subscription's session that names an order
call make_order('subscribed');
insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, line_items,
                                        success_url, cancel_url, metadata, stripe_checkout_session_id)
values (md5('subscribed')::uuid, 'test', 'subscription', 'open', 'user', 'ada', '[{"price": "price_x", "quantity": 1}]',
        'https://a.example', 'https://a.example',
        jsonb_build_object('order_id', order_id('subscribed')), 'cs_subscribed');
update payments.checkout_sessions set status = 'completed' where stripe_checkout_session_id = 'cs_subscribed';
select * from story where session = 'subscribed';

-- once live is approved, a test payment pays no order that may be meant for live
begin;
update payments.environments set live_approved_at = now(), went_live_at = now() where environment = 'live';
call make_order('whose'); call open_session('whose', order_id('whose')::text); call pay('whose');
call make_order('tests'); update orders set environment = 'test' where id = order_id('tests');
call open_session('tests', order_id('tests')::text); call pay('tests');
select * from story where session in ('whose', 'tests');
rollback;

-- part of what a session asked for was captured: what its goods cost says nothing of that
begin;
call make_order('partial');
call open_session('partial', order_id('partial')::text);
update payments.checkout_sessions set raw = '{"amount_subtotal": 2000, "amount_total": 2000}'
 where stripe_checkout_session_id = 'cs_partial';
call pay('partial', 500);
call make_order('discounted');
call open_session('discounted', order_id('discounted')::text);
update payments.checkout_sessions set raw = '{"amount_subtotal": 2000, "amount_total": 500}'
 where stripe_checkout_session_id = 'cs_discounted';
call pay('discounted', 500);
select * from story where session in ('partial', 'discounted');
rollback;

-- an order id that is mended, and an order that is found in another table than the first: nothing is left to review
begin;
call make_order('meant');
call open_session('mistyped', 'no such order');
call pay('mistyped');
select state, reason from payments.review where kind = 'orders' and stripe_checkout_session_id = 'cs_mistyped';
update payments.checkout_sessions set metadata = jsonb_build_object('order_id', order_id('meant'))
 where stripe_checkout_session_id = 'cs_mistyped';
select payments.retry_fulfillments(reference => 'cs_mistyped');
select * from story where session = 'mistyped';
create table other_orders (like orders including all);
select payments.attach('orders', 'other_orders', '{"allow_superuser_owner": true}');
call open_session('elsewhere', order_id('elsewhere')::text);
call pay('elsewhere');
select state, reason = 'no order has the id ' || order_id('elsewhere') as not_found from payments.review
 where stripe_checkout_session_id = 'cs_elsewhere';
insert into other_orders (id, user_id, amount, currency) values (order_id('elsewhere'), 'ada', 2000, 'eur');
select payments.retry_fulfillments(reference => 'cs_elsewhere');
select target_table, state from payments.fulfillments where kind = 'orders' and item = order_id('elsewhere')::text;
rollback;

-- the view of what needs a person reads whatever the source is
insert into payments.fulfillments (environment, source, kind, target_table, item, state)
values ('test', 'subject:team:7', 'billing_status', 'public.plans', '7', 'failed');
select source, item from payments.review where kind = 'billing_status';
-- money whose only trace is a job is money that gave nothing
select stripe_checkout_session_id from payments.unfulfilled_payments
 where stripe_checkout_session_id in ('cs_honest', 'cs_overtaken', 'cs_wall') order by 1;

-- the function gives nothing from anywhere else
create table mine as table payments.payment_history with no data;
create trigger project_order after insert on mine for each row execute function payments.project_order();
insert into mine select * from payments.payment_history limit 1;
create trigger too_early before insert on payments.payment_history
  for each row execute function payments.project_order();
call pay('too_early');
