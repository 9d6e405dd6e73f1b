-- Asking to cancel, resume or change a subscription.
\set ON_ERROR_ROLLBACK on
begin;
create table public.members (team_id text, user_id text);
insert into public.members values ('t1', 'ada');
select payments.protect_subject_type('team', 'public.members', 'team_id', 'user_id');
insert into payments.prices (environment, stripe_price_id, stripe_product_id, active, currency, type, raw)
select e, p, prod, active, currency, kind, raw::jsonb
  from (values ('test', 'price_small', 'prod_small', true, 'usd', 'recurring', '{}'),
               ('test', 'price_big', 'prod_big', true, 'usd', 'recurring', '{}'),
               ('test', 'price_extra', 'prod_extra', true, 'usd', 'recurring', '{}'),
               ('test', 'price_old', 'prod_big', false, 'usd', 'recurring', '{}'),
               ('test', 'price_once', 'prod_big', true, 'usd', 'one_time', '{}'),
               ('test', 'price_euro', 'prod_big', true, 'eur', 'recurring', '{}'),
               ('live', 'price_live', 'prod_big', true, 'usd', 'recurring', '{}'),
               ('test', 'price_usage', 'prod_use', true, 'usd', 'recurring',
                '{"recurring": {"usage_type": "metered"}}'))
       as w(e, p, prod, active, currency, kind, raw);
insert into payments.subscriptions (environment, stripe_subscription_id, status, subject_type, subject_id, cancel_at,
                                    raw)
select 'test', id, status, kind, subject, cancel_at::timestamptz,
       jsonb_build_object('currency', 'usd', 'collection_method', method)
  from (values ('sub_ada', 'active', 'user', 'ada', null, 'charge_automatically'),
               ('sub_flexible', 'active', 'user', 'ada', '2030-01-01', 'charge_automatically'),
               ('sub_ended', 'canceled', 'user', 'ada', null, 'charge_automatically'),
               ('sub_sent', 'active', 'user', 'ada', null, 'send_invoice'),
               ('sub_two', 'active', 'user', 'ada', null, 'charge_automatically'),
               ('sub_team', 'past_due', 'team', 't1', null, 'charge_automatically'),
               ('sub_bob', 'active', 'user', 'bob', null, 'charge_automatically'),
               ('sub_nobody', 'active', null, null, null, 'charge_automatically'))
       as w(id, status, kind, subject, cancel_at, method);
insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id,
                                         stripe_product_id, stripe_price_id, quantity)
select 'test', 'si_' || substr(s.stripe_subscription_id, 5), s.stripe_subscription_id, 'prod_small', 'price_small', 3
  from payments.subscriptions s;
insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id,
                                         stripe_product_id, stripe_price_id, quantity)
values ('test', 'si_two_b', 'sub_two', 'prod_extra', 'price_extra', 1);

create function pg_temp.asked(subscription text, action text, price text default null, quantity bigint default null,
                              key text default null) returns text language sql as $$
  select concat_ws(' ', r.status, r.subject_type, r.subject_id, r.created_by, r.stripe_subscription_item_id)
    from payments.request_subscription_change('test', subscription, action, price, quantity, key) r $$;
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada"}';
select pg_temp.asked('sub_ada', 'cancel', key => 'k1');
select pg_temp.asked('sub_ada', 'change', 'price_big');
select pg_temp.asked('sub_ada', 'change', quantity => 5);
select pg_temp.asked('sub_team', 'resume');
select pg_temp.asked('sub_two', 'change', 'price_extra', 2);
select pg_temp.asked('sub_flexible', 'resume');
-- The same again is the same; a key names one request.
select pg_temp.asked('sub_ada', 'cancel', key => 'k1');
select pg_temp.asked('sub_ada', 'resume', key => 'k1');
select count(*), count(distinct id) from payments.subscription_requests where idempotency_key = 'k1';

-- What Stripe could not do, or should not.
select pg_temp.asked('sub_ended', 'cancel');
select pg_temp.asked('sub_sent', 'change', quantity => 2);
select pg_temp.asked('sub_two', 'change', quantity => 2);
select pg_temp.asked('sub_ada', 'change', 'price_old');
select pg_temp.asked('sub_ada', 'change', 'price_once');
select pg_temp.asked('sub_ada', 'change', 'price_euro');
select pg_temp.asked('sub_ada', 'change', 'price_live');
select pg_temp.asked('sub_ada', 'change', 'price_unknown');
select pg_temp.asked('sub_ada', 'change', 'price_usage', 2);
select pg_temp.asked('sub_ada', 'change');
select pg_temp.asked('sub_ada', 'change', quantity => 0);
select pg_temp.asked('sub_ada', 'cancel', 'price_big');
select pg_temp.asked('sub_ada', 'delete');
select pg_temp.asked('sub_ada/../sub_bob', 'cancel');
select pg_temp.asked('sub_ada', 'cancel', key => 'sk_live_abcdefgh1234');
select payments.request_subscription_change('prod', 'sub_ada', 'cancel');
select payments.request_subscription_change('live', 'sub_ada', 'cancel');

-- Another's subscription is as if it were not there.
select pg_temp.asked('sub_bob', 'cancel');
select pg_temp.asked('sub_nobody', 'cancel');
select pg_temp.asked('sub_none', 'cancel');
insert into payments.subscription_requests (environment, stripe_subscription_id, action)
values ('test', 'sub_bob', 'cancel');
insert into payments.subscription_requests (environment, stripe_subscription_id, action, subject_id)
values ('test', 'sub_bob', 'cancel', 'ada');
set local request.jwt.claims = '{"sub": "bob"}';
select count(*) from payments.subscription_requests;
select pg_temp.asked('sub_team', 'cancel');
-- A key of ada's blocks no key of bob's.
select pg_temp.asked('sub_bob', 'cancel', key => 'k1');
set local request.jwt.claims = '';
select pg_temp.asked('sub_ada', 'cancel');

-- What is sent.
reset role;
set local role project_admin;
update payments.subscription_requests set id = '00000000-0000-4000-8000-000000000001'
 where stripe_subscription_id = 'sub_ada' and stripe_price_id = 'price_big';
select s.stripe_subscription_id, s.action, r ->> 'method' as method, r ->> 'path' as path,
       folded((r -> 'params')::text) as params
  from payments.subscription_requests s, payments.stripe_request(s.id) r
 order by s.stripe_subscription_id, s.action, s.quantity nulls first;
select request ->> 'idempotency_key' = 'subscription_request_' || id from payments.subscription_requests limit 1;
-- Of one subscription, one after the other.
update payments.subscription_requests set created_at = now() + interval '1 second'
 where action = 'change' and quantity is null;
update payments.subscription_requests set created_at = now() + interval '2 seconds' where quantity = 5;
select s.stripe_subscription_id, s.action, c.kind
  from payments.claim_session_requests(10) c join payments.subscription_requests s on s.id = c.session_id order by 1, 2;
select count(*) from payments.claim_session_requests(10);
select r ->> 'status' as status, r ->> 'pending_update' as pending
  from payments.subscription_requests s,
       payments.record_stripe_response(s.id, '{"object": "subscription", "id": "sub_ada", "livemode": false}') r
 where s.idempotency_key = 'k1' and s.created_by = 'ada';
select s.stripe_subscription_id, s.action, s.stripe_price_id
  from payments.claim_session_requests(10) c join payments.subscription_requests s on s.id = c.session_id;
-- Stripe changes nothing before it is paid for. The same answer twice changes nothing either.
create function pg_temp.answered(answer jsonb) returns text language sql as $$
  select concat_ws(' ', r ->> 'status', r ->> 'pending_update', r ->> 'stripe_invoice_id', r ->> 'last_error')
    from payments.subscription_requests s, payments.record_stripe_response(s.id, answer) r
   where s.stripe_price_id = 'price_big' and s.stripe_subscription_id = 'sub_ada' $$;
select pg_temp.answered('{"object": "subscription", "id": "sub_bob", "livemode": false}');
select pg_temp.answered('{"object": "checkout.session", "id": "cs_1", "livemode": false}');
select pg_temp.answered('{"object": "subscription", "id": "sub_ada", "livemode": true}');
select pg_temp.answered('{"object": "subscription", "id": "sub_ada", "livemode": false,
                          "latest_invoice": {"id": "in_9"}, "pending_update": {"expires_at": 1}}');
select pg_temp.answered('{"object": "subscription", "id": "sub_ada", "livemode": false, "latest_invoice": "in_9",
                          "pending_update": null}');
select r ->> 'status' as status, r ->> 'last_error' as last_error
  from payments.subscription_requests s,
       payments.record_stripe_error(s.id, 'Your card was declined. sk_test_abcdefgh1234') r
 where s.quantity = 5;
select status, cancel_at from payments.subscriptions where stripe_subscription_id = 'sub_ada';

-- What a change leaves out stays as the change before it said, also while no event has told that one.
reset role;
insert into payments.subscription_requests (environment, stripe_subscription_id, action, stripe_price_id)
values ('test', 'sub_bob', 'change', 'price_big');
update payments.subscription_requests set id = '00000000-0000-4000-8000-000000000002',
       created_at = now() + interval '3 seconds'
 where stripe_subscription_id = 'sub_bob' and stripe_price_id = 'price_big';
insert into payments.subscription_requests (environment, stripe_subscription_id, action, quantity, status, request,
                                            stripe_subscription_item_id, created_at, updated_at)
select 'test', 'sub_bob', 'change', 7, 'completed', '{"params": {"items": [{"quantity": 7}]}}',
       stripe_subscription_item_id, now(), now() + interval '1 second'
  from payments.subscription_requests where id = '00000000-0000-4000-8000-000000000002';
set local role project_admin;
select payments.stripe_request('00000000-0000-4000-8000-000000000002') #>> '{params,items,0,quantity}' as quantity;
-- It is told with the subscription's story.
select story from payments.explain('sub_ada') where story ~ 'asked|request|will';

-- A trial is one of its price: with another it ends, unless that one is offered with a trial as long as what is left.
-- What is paused changes nothing that would not be paid for.
reset role;
update payments.subscriptions set status = 'trialing', trial_end = now() + '5 days'
 where stripe_subscription_id = 'sub_flexible';
update payments.subscriptions set pause_collection = 'void' where stripe_subscription_id = 'sub_team';
delete from payments.subscription_requests;
create function pg_temp.trial_end(price text, quantity bigint default null) returns text language sql as $$
  select coalesce(payments.stripe_request(r.id) #>> '{params,trial_end}', 'goes on')
    from payments.request_subscription_change('test', 'sub_flexible', 'change', price, quantity) r $$;
select pg_temp.trial_end('price_big') as another, pg_temp.trial_end('price_small', 2) as the_same,
       pg_temp.trial_end(null, 2) as a_quantity;
select days, payments.set_checkout_defaults('test', jsonb_build_object('subscription_data',
         jsonb_build_object('trial_period_days', days)), price), pg_temp.trial_end('price_big') as trial
  from (values (1, 4, 'price_big'), (2, 5, 'price_big'), (3, 4, 'price_big'), (4, 30, null), (5, 30, 'price_big'))
       as w (n, days, price) order by n;
update payments.subscriptions set trial_end = null where stripe_subscription_id = 'sub_flexible';
select pg_temp.trial_end('price_big') as unknown_end;
update payments.subscriptions set status = 'active' where stripe_subscription_id = 'sub_flexible';
select pg_temp.trial_end('price_big') as no_trial;
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada"}';
select pg_temp.asked('sub_team', 'change', 'price_big');
select pg_temp.asked('sub_team', 'change', quantity => 2);
select pg_temp.asked('sub_team', 'cancel');

-- No subscription becomes a second one of a product.
reset role;
insert into payments.subscriptions (environment, stripe_subscription_id, status, subject_type, subject_id)
values ('test', 'sub_bob_too', 'active', 'user', 'bob');
insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id,
                                         stripe_price_id)
values ('test', 'si_bob_too', 'sub_bob_too', 'price_big');
insert into payments.prices (environment, stripe_price_id, stripe_product_id, type, currency)
values ('test', 'price_big_year', 'prod_big', 'recurring', 'usd'),
       ('test', 'price_third', 'prod_third', 'recurring', 'usd');
set local role authenticated;
set local request.jwt.claims = '{"sub": "bob"}';
select pg_temp.asked('sub_bob', 'change', 'price_big');
select pg_temp.asked('sub_bob', 'change', 'price_big_year');
select pg_temp.asked('sub_bob', 'change', 'price_third');
select pg_temp.asked('sub_bob', 'change', quantity => 2);
-- One that is of the product already stays so.
select pg_temp.asked('sub_bob_too', 'change', 'price_big_year');
select pg_temp.asked('sub_bob_too', 'change', 'price_small');
reset role;
set local payments.allow_second_subscription = on;
set local role authenticated;
select pg_temp.asked('sub_bob', 'change', 'price_big');
reset role;
set local payments.allow_second_subscription = off;
update payments.subscriptions set status = 'canceled' where stripe_subscription_id = 'sub_bob_too';
set local role authenticated;
select pg_temp.asked('sub_bob', 'change', 'price_big');
set local role project_admin;

-- A backend asks for anyone, by the same rules.
select pg_temp.asked('sub_nobody', 'cancel', key => 'k1');
select pg_temp.asked('sub_none', 'cancel');
select pg_temp.asked('sub_ended', 'cancel');
rollback;
