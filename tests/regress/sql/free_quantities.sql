-- What costs nothing and gives credits, a caller may have only so many of: he says how many.
\set ON_ERROR_ROLLBACK on
-- What loads the library.
select payments.metadata_prefix();
show payments.max_free_quantity;
insert into payments.prices (environment, stripe_price_id, stripe_product_id, type, unit_amount, unit_amount_decimal)
values ('test', 'price_free', 'prod_free', 'recurring', 0, '0'),
       ('test', 'price_gift', 'prod_gift', 'one_time', 0, null),
       ('test', 'price_bare', 'prod_bare', 'one_time', 0, '0'),
       ('test', 'price_plan', 'prod_plan', 'recurring', 500, '500'),
       ('test', 'price_year', 'prod_plan', 'recurring', 5000, '5000'),
       ('test', 'price_dust', 'prod_dust', 'one_time', null, '0.001'),
       ('test', 'price_addon', 'prod_addon', 'recurring', 500, '500'),
       ('test', 'price_once', 'prod_plan', 'one_time', 500, '500');
select payments.set_credit_benefit('test', 'prod_free', 100), payments.set_credit_benefit('test', 'price_gift', 10),
       payments.set_credit_benefit('test', 'price_dust', 1),
       payments.set_entitlement_benefit('test', 'price_bare', 'hat'),
       payments.set_credit_benefit('test', 'prod_plan', 1000, trials => true),
       payments.set_credit_benefit('test', 'price_year', 1000),
       payments.set_credit_benefit('test', 'price_new', 1000, trials => true);
create function asks(mode text, items text, subject text default 'ada', key text default null) returns text
  language plpgsql as $$
declare
  wrong text;
begin
  return (select status from payments.create_checkout_session('test', mode,
    (select jsonb_agg(jsonb_build_object('price', split_part(i, ' ', 1), 'quantity', split_part(i, ' ', 2)::int))
       from unnest(string_to_array(items, ', ')) i),
    'https://a.example/paid', 'https://a.example/cart', 'user', subject, idempotency_key => key));
exception when invalid_parameter_value then
  get stacked diagnostics wrong = pg_exception_detail;
  return wrong;
end $$;
create function changes(subscription text, price text, quantity bigint) returns text language plpgsql as $$
declare
  wrong text;
begin
  return (select status from payments.request_subscription_change('test', subscription, 'change', price, quantity));
exception when invalid_parameter_value then
  get stacked diagnostics wrong = pg_exception_detail;
  return wrong;
end $$;
grant execute on all functions in schema public to authenticated, project_admin;

begin;
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada", "role": "authenticated"}';
select payments.create_checkout_session('test', 'payment', '[{"price": "price_gift", "quantity": 2}]',
                                        'https://a.example/paid', 'https://a.example/cart', 'user', 'ada');
-- All lines of a price together; what is rounded down to nothing costs nothing. What costs, or gives no credits, is not
-- counted.
select m, i, asks(m, i)
  from (values ('payment', 'price_gift 1'), ('payment', 'price_gift 1, price_gift 1'),
               ('payment', 'price_once 5, price_gift 7'), ('payment', 'price_bare 9'), ('payment', 'price_once 999999'),
               ('payment', 'price_dust 499'), ('payment', 'price_dust 500'), ('payment', 'price_unknown 5'),
               ('subscription', 'price_free 1'), ('subscription', 'price_free 999999')) as w (m, i);
-- A plain INSERT asks the same; so does a guest.
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
values ('test', 'subscription', 'user', 'ada', '[{"price": "price_free", "quantity": 2}]', 'https://a.example',
        'https://a.example');
set local role anon;
set local request.jwt.claims = '{"role": "anon"}';
select payments.create_checkout_session('test', 'payment', '[{"price": "price_gift", "quantity": 2}]',
                                        'https://a.example/paid', 'https://a.example/cart');
-- A backend may give any quantity away, and says how many a caller may have.
set local role project_admin;
select asks('subscription', 'price_free 50');
reset role;
set local payments.max_free_quantity = 3;
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada", "role": "authenticated"}';
select i, asks('payment', i) from unnest('{price_gift 3,price_gift 4}'::text[]) i;
set payments.max_free_quantity = 9;
reset role;
set local payments.max_free_quantity = 100;
select folded(detail) as detail, fix from payments.doctor()
 where check_name = 'settings' and detail ~ 'max_free_quantity';
rollback;

-- A trial costs nothing either. One that gives no credits, or that the subject can't have, is not counted.
begin;
select payments.set_checkout_defaults('test', '{"subscription_data": {"trial_period_days": 14}}', p)
  from unnest('{price_plan,price_year,price_new}'::text[]) p;
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada", "role": "authenticated"}';
select i, asks('subscription', i)
  from unnest('{price_plan 1,price_plan 2,price_year 50,"price_plan 50, price_addon 1","price_plan 1, price_once 50",
                "price_year 1, price_plan 2",price_new 2}'::text[]) i;
reset role;
insert into payments.subscriptions (environment, stripe_subscription_id, status, subject_type, subject_id, trial_start)
values ('test', 'sub_old', 'canceled', 'user', 'ada', '2020-01-01');
set local role authenticated;
select asks('subscription', 'price_plan 50') as had_one;
-- A page with the trial that is still open can end unpaid, and the trial is to be had again.
set local request.jwt.claims = '{"sub": "bob", "role": "authenticated"}';
select asks('subscription', 'price_plan 1', 'bob', 'first') as first;
reset role;
select payments.stripe_request(id) #>> '{params,subscription_data,trial_period_days}' as days
  from payments.checkout_sessions where idempotency_key = 'first';
set local role authenticated;
select asks('subscription', 'price_plan 50', 'bob') as another;
reset role;
-- Benefits, defaults and prices count as they are now, whatever the backend knew of them.
select payments.set_credit_benefit('test', 'prod_plan', 1000);
set local role authenticated;
select asks('subscription', 'price_plan 50', 'bob') as nothing_in_trials;
reset role;
select payments.set_credit_benefit('test', 'prod_plan', 1000, trials => true);
update payments.prices set unit_amount = 0, unit_amount_decimal = '0' where stripe_price_id = 'price_addon';
select payments.set_credit_benefit('test', 'price_addon', 1);
set local role authenticated;
select i, asks('subscription', i, 'bob') from unnest('{price_plan 50,price_addon 2}'::text[]) i;
rollback;

-- Changes of a subscription.
begin;
insert into payments.subscriptions (environment, stripe_subscription_id, status, subject_type, subject_id, trial_end)
values ('test', 'sub_free', 'active', 'user', 'ada', null), ('test', 'sub_paid', 'active', 'user', 'ada', null),
       ('test', 'sub_trial', 'trialing', 'user', 'ada', now() + '3 days'),
       ('test', 'sub_addon', 'trialing', 'user', 'ada', now() + '3 days');
insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id,
                                         stripe_price_id, stripe_product_id, quantity)
values ('test', 'si_1', 'sub_free', 'price_free', 'prod_free', 1),
       ('test', 'si_2', 'sub_paid', 'price_addon', 'prod_addon', 40),
       ('test', 'si_3', 'sub_trial', 'price_plan', 'prod_plan', 1),
       ('test', 'si_4', 'sub_addon', 'price_addon', 'prod_addon', 1);
set local payments.allow_second_subscription = on;
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada", "role": "authenticated"}';
select payments.request_subscription_change('test', 'sub_free', 'change', quantity => 2);
select s, p, q, changes(s, p, q)
  from (values ('sub_free', 'price_free', 5), ('sub_free', null, 1), ('sub_free', 'price_addon', 50),
               ('sub_paid', null, 50), ('sub_paid', 'price_free', null), ('sub_paid', 'price_free', 1),
               ('sub_trial', null, 2), ('sub_trial', 'price_plan', 2), ('sub_trial', 'price_year', 50),
               ('sub_addon', null, 50), ('sub_addon', 'price_plan', 50)) as w (s, p, q);
-- Where the trial may go on with the new price.
reset role;
select payments.set_checkout_defaults('test', '{"subscription_data": {"trial_period_days": 14}}', 'price_plan');
set local role authenticated;
select changes('sub_addon', 'price_plan', 50), changes('sub_addon', 'price_plan', 1);
set local role project_admin;
select changes('sub_free', null, 50) as of_a_backend;
rollback;

-- Two changes, each of which may be, are no more together: of what is asked before the first is known, the price is
-- sent as it was judged, and what the mirror says when it is sent is judged again.
begin;
insert into payments.subscriptions (environment, stripe_subscription_id, status, subject_type, subject_id, trial_end)
select 'test', s, case when s = 'sub_trial' then 'trialing' else 'active' end, 'user', 'ada',
       case when s = 'sub_trial' then now() + '3 days' end
  from unnest('{sub_1,sub_2,sub_3,sub_trial}'::text[]) s;
insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id,
                                         stripe_price_id, stripe_product_id, quantity)
select 'test', 'si_' || s, s, 'price_addon', 'prod_addon', 1 from unnest('{sub_1,sub_2,sub_3,sub_trial}'::text[]) s;
select payments.set_checkout_defaults('test', '{"subscription_data": {"trial_period_days": 14}}', 'price_plan');
set local payments.allow_second_subscription = on;
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada", "role": "authenticated"}';
select changes('sub_1', 'price_free', 1), changes('sub_1', null, 40);
select changes('sub_2', 'price_free', 1), changes('sub_2', null, 40);
select changes('sub_3', null, 40), changes('sub_3', 'price_free', null);
select changes('sub_trial', null, 40), changes('sub_trial', 'price_plan', null);
reset role;
update payments.subscription_items set stripe_price_id = 'price_free', stripe_product_id = 'prod_free'
 where stripe_subscription_id = 'sub_2';
update payments.subscription_items set quantity = 40 where stripe_subscription_id in ('sub_3', 'sub_trial');
select s.stripe_subscription_id as of, r #> '{params,items,0,price}' as price,
       r #> '{params,items,0,quantity}' as quantity
  from payments.subscription_requests s, payments.stripe_request(s.id) r
 where s.quantity is distinct from 1 and (s.quantity is null or s.stripe_subscription_id in ('sub_1', 'sub_2'))
 order by 1;
-- Not of what a backend asked for.
update payments.subscription_requests set created_by = null, request = null;
select s.stripe_subscription_id as of, r #> '{params,items,0,quantity}' as quantity
  from payments.subscription_requests s, payments.stripe_request(s.id) r where s.stripe_subscription_id = 'sub_2'
   and s.quantity = 40;
rollback;
