-- A day of a small shop, in the SQL of its backend: who may pay, what Stripe said, what was given, and why not.

\set QUIET on
\pset border 1
\pset footer off
\pset linestyle unicode
\pset null '-'
\set SHOW_CONTEXT never
set client_min_messages = warning;
set timezone = 'UTC';
create extension payments;
\ir stripe.sql

-- The backend's role owns the app's tables.
grant create on schema public to project_admin;
set role project_admin;
select payments.create_app_tables() \g /dev/null
create table public.team_members (team_id text, user_id text, role text, primary key (team_id, user_id));
reset role;
select payments.set_webhook_secret('test', 'whsec_demo_secret') \g /dev/null
set role project_admin;
select payments.protect_subject_type('team', 'public.team_members', 'team_id', 'user_id', 'role', '{owner}') \g /dev/null
reset role;
insert into public.team_members values ('acme', 'ada', 'owner'), ('acme', 'bob', 'guest');

-- A request of a signed-in user, as it reaches the database: with their role and their claims. Returns the id of the
-- local session.
create function public.checkout(who text, mode text, price text, subject_type text, subject_id text, metadata jsonb) returns uuid
language plpgsql as $$
declare
  made uuid;
begin
  perform set_config('request.jwt.claims', json_build_object('sub', who, 'role', 'authenticated')::text, true);
  set local role authenticated;
  select id into made from payments.create_checkout_session('test', mode, jsonb_build_array(jsonb_build_object('price', price, 'quantity', 1)),
    'https://shop.example/thanks', 'https://shop.example/cart', subject_type, subject_id, metadata => metadata);
  reset role;
  -- The backend sends what stripe_request returns, and records Stripe's response.
  perform payments.record_stripe_response(made, stripe.answers(payments.stripe_request(made)));
  return made;
end
$$;

\echo '1  The catalog, as Stripe describes it, and what each price gives'
select stripe.posts('price.created', stripe.price(id, product, amount, recurring), 1) as "Stripe posts"
  from (values ('price_book', 'prod_book', 4900, false), ('price_sticker', 'prod_sticker', 100, false),
               ('price_credits', 'prod_credits', 1000, false), ('price_course', 'prod_course', 9900, false),
               ('price_team', 'prod_team', 2500, true), ('price_plan', 'prod_plan', 1500, true)) p(id, product, amount, recurring);
select payments.set_credit_benefit('test', 'price_credits', 500) \g /dev/null
select payments.set_entitlement_benefit('test', 'price_course', 'course:sql') \g /dev/null
select payments.set_entitlement_benefit('test', 'price_team', 'team:pro') \g /dev/null
select payments.set_credit_benefit('test', 'price_plan', 100, until_period_end => true) \g /dev/null

\echo '2  Ada orders a book; Stripe''s events come in an awkward order, one of them twice'
-- The backend creates the order. Its amount and currency come from the catalog, and only its line items pay it.
select payments.create_order('test', '[{"price": "price_book", "quantity": 1}]', 'ada', 'user', 'ada') as ordered \gset
select user_id, status, amount, currency, line_items from public.orders;
select public.checkout('ada', 'payment', 'price_book', 'user', 'ada', jsonb_build_object('order_id', :'ordered')) as book \gset
select stripe.posts('charge.succeeded', stripe.charge(s, 4900), 62) as "Stripe posts" from payments.checkout_sessions s where id = :'book'
union all
select stripe.posts('checkout.session.completed', stripe.session(s, 4900, 'cus_ada'), 63, null, 'evt_book') from payments.checkout_sessions s where id = :'book'
union all
select stripe.posts('payment_intent.succeeded', stripe.intent(s, 4900, 'cus_ada'), 62) from payments.checkout_sessions s where id = :'book'
union all
select stripe.posts('checkout.session.completed', stripe.session(s, 4900, 'cus_ada'), 63, null, 'evt_book') from payments.checkout_sessions s where id = :'book';
select type, status, amount, subject_id, stripe_payment_intent_id, paid_at from payments.payment_history;
select user_id, status, amount, paid_at from public.orders;

\echo '3  A forged event is refused, and leaves nothing'
\set ON_ERROR_STOP off
select payments.receive_stripe_webhook('test', '{"id": "evt_forged"}', 't=1752000063,v1=00');
\set ON_ERROR_STOP on

\echo '4  Ada tries to pay for a team of which she is no member; the database refuses'
\set ON_ERROR_STOP off
select public.checkout('ada', 'subscription', 'price_team', 'team', 'globex', '{}');
\set ON_ERROR_STOP on
reset role;

\echo '5  Mallory puts her order''s id on a sticker''s payment'
insert into public.orders (id, user_id, subject_type, subject_id, amount, currency)
values ('00000000-0000-4000-8000-000000000002', 'mallory', 'user', 'mallory', 89900, 'usd');
select public.checkout('mallory', 'payment', 'price_sticker', 'user', 'mallory', '{"order_id": "00000000-0000-4000-8000-000000000002"}') as sticker \gset
select stripe.posts('checkout.session.completed', stripe.session(s, 100, 'cus_mallory'), 70) as "Stripe posts" from payments.checkout_sessions s where id = :'sticker';
select user_id, status, amount from public.orders order by user_id;

\echo '6  A credit pack and a course; then 200 credits are spent'
select public.checkout('ada', 'payment', 'price_credits', 'user', 'ada', '{}') as pack \gset
select public.checkout('ada', 'payment', 'price_course', 'user', 'ada', '{}') as course \gset
select stripe.posts('checkout.session.completed', stripe.session(s, case when s.id = :'pack' then 1000 else 9900 end, 'cus_ada'), 80) as "Stripe posts"
  from payments.checkout_sessions s where id in (:'pack', :'course') order by s.created_at;
begin;
set local role authenticated;
select set_config('request.jwt.claims', '{"sub": "ada", "role": "authenticated"}', true) \g /dev/null
select payments.spend_credits('user', 'ada', 200, 'render-1', 'a film rendered') \g /dev/null
select payments.credit_balance('user', 'ada') as credits, payments.has_entitlement('course:sql') as "may see the course";
commit;

\echo '7  The team acme has two subscriptions that overlap; one ends, the other stands'
select public.checkout('ada', 'subscription', 'price_team', 'team', 'acme', '{}') as team \gset
select stripe.posts('checkout.session.completed', stripe.session(s, 2500, 'cus_acme', '{"subscription": "sub_old", "invoice": "in_old"}'), 90) as "Stripe posts"
  from payments.checkout_sessions s where id = :'team'
union all select stripe.posts('invoice.paid', stripe.invoice('in_old', 'sub_old', 'cus_acme', 'price_team', 2500), 91)
union all select stripe.posts('customer.subscription.created', stripe.subscription('sub_old', 'active', 'price_team', 'cus_acme', 10, '{}'), 90)
union all select stripe.posts('customer.subscription.created', stripe.subscription('sub_new', 'active', 'price_team', 'cus_acme', 30, '{}'), 95);
select team_id, stripe_subscription_id, status from public.team_billing_status;
select stripe.posts('customer.subscription.deleted', stripe.subscription('sub_new', 'canceled', 'price_team', 'cus_acme', 30, '{}', 99), 99) as "Stripe posts";
select team_id, stripe_subscription_id, status from public.team_billing_status;

\echo '8  A plan with 100 credits a month: those of last month lapse, this month''s are there'
select public.checkout('bob', 'subscription', 'price_plan', 'user', 'bob', '{}') as plan \gset
select stripe.posts('checkout.session.completed', stripe.session(s, 1500, 'cus_bob', '{"subscription": "sub_plan", "invoice": "in_last"}'), 100) as "Stripe posts"
  from payments.checkout_sessions s where id = :'plan'
union all select stripe.posts('customer.subscription.created', stripe.subscription('sub_plan', 'active', 'price_plan', 'cus_bob', 30, '{}'), 100)
union all select stripe.posts('invoice.paid', stripe.invoice('in_last', 'sub_plan', 'cus_bob', 'price_plan', 1500, -1), 101)
union all select stripe.posts('invoice.paid', stripe.invoice('in_this', 'sub_plan', 'cus_bob', 'price_plan', 1500), 102);
begin;
set local role authenticated;
select set_config('request.jwt.claims', '{"sub": "bob", "role": "authenticated"}', true) \g /dev/null
select payments.spend_credits('user', 'bob', 30, 'render-2', 'a film rendered') as "left of this month's";
commit;
select delta, balance_after, reason from public.credit_ledger where subject_id = 'bob' order by id;

\echo '9  Money goes back: 40 % of the credit pack, all of the course; the book''s buyer disputes, and wins'
select stripe.posts('refund.created', stripe.refund(s, 're_pack', 400), 5000) as "Stripe posts" from payments.checkout_sessions s where id = :'pack'
union all select stripe.posts('charge.refunded', stripe.charge(s, 9900, 9900), 5000) from payments.checkout_sessions s where id = :'course'
union all select stripe.posts('charge.dispute.created', stripe.dispute(s, 'needs_response', 4900), 6000) from payments.checkout_sessions s where id = :'book'
union all select stripe.posts('charge.dispute.closed', stripe.dispute(s, 'lost', 4900), 7000) from payments.checkout_sessions s where id = :'book';
select delta, balance_after, reason from public.credit_ledger where subject_id = 'ada' order by id;
select user_id, key, active from public.user_entitlements order by user_id nulls last, key;
select user_id, status, amount, amount_refunded from public.orders order by user_id;

\echo '10 Every movement of money, one row each'
select type, status, amount, amount_refunded, subject_type, subject_id, dispute_status from payments.payment_history order by type, amount;

\echo '11 What a person should look at'
select state, subject_id, item as "order", reason from payments.review;

\echo '12 Every row is what its facts say'
select count(*) as "rows that differ" from payments.verify_projections('test');
