-- A subject that has a subscription of a product is not sold another.
\set ON_ERROR_ROLLBACK on
insert into payments.prices (environment, stripe_price_id, stripe_product_id, type, active)
values ('test', 'price_month', 'prod_plan', 'recurring', true), ('test', 'price_year', 'prod_plan', 'recurring', true),
       ('test', 'price_other', 'prod_other', 'recurring', true), ('test', 'price_once', 'prod_plan', 'one_time', true);
create function subscribed(status text, subject text default 'ada', environment text default 'test') returns void
  language sql as $$
  delete from payments.subscription_items;
  delete from payments.subscriptions;
  insert into payments.subscriptions (environment, stripe_subscription_id, status, subject_type, subject_id)
  values (environment, 'sub_1', status, 'user', subject);
  insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id,
                                           stripe_price_id, stripe_product_id)
  values (environment, 'si_1', 'sub_1', 'price_month', 'prod_plan') $$;
create function asks(prices text[], key text default null) returns text language plpgsql as $$
begin
  return (select status from payments.create_checkout_session('test', 'subscription',
    (select jsonb_agg(jsonb_build_object('price', p)) from unnest(prices) p),
    'https://a.example/paid', 'https://a.example/cart', 'user', 'ada', idempotency_key => key));
exception when unique_violation then return sqlerrm;
end $$;
grant execute on all functions in schema public to authenticated, project_admin;

begin;
select subscribed('active');
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada", "role": "authenticated"}';
select payments.create_checkout_session('test', 'subscription', '[{"price": "price_year"}]', 'https://a.example/paid',
                                        'https://a.example/cart', 'user', 'ada');
-- The same price, another one of the product, one beside others; not another product, nor what is paid once.
select p, asks(p) from (values ('{price_month}'::text[]), ('{price_other,price_year}'), ('{price_other}'),
                               ('{price_other,price_once}')) as w(p);
-- A plain INSERT, by a caller or a backend; not what a backend tells of the past.
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
values ('test', 'subscription', 'user', 'ada', '[{"price": "price_year"}]', 'https://a.example', 'https://a.example');
set local role project_admin;
select asks('{price_year}');
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
values ('test', 'subscription', 'user', 'ada', '[{"price": "price_year"}]', 'https://a.example', 'https://a.example');
insert into payments.checkout_sessions (environment, mode, status, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
values ('test', 'subscription', 'completed', 'user', 'ada', '[{"price": "price_year"}]', 'https://a.example',
        'https://a.example') returning status;
reset role;
-- Those that live, or may still begin; of the subject, in the environment.
select s as status, subscribed(s), asks('{price_year}')
  from unnest('{incomplete,trialing,active,past_due,unpaid,paused,canceled,incomplete_expired}'::text[]) s;
select subscribed('active', 'bob'), asks('{price_year}');
select subscribed('active', environment => 'live'), asks('{price_year}');
-- An item that does not say its product is of its price's.
select subscribed('active');
update payments.subscription_items set stripe_product_id = null;
select p, asks(array[p]) from unnest('{price_month,price_year,price_other}'::text[]) p;
-- A price that the catalog does not know is known by its id.
select subscribed('active');
delete from payments.prices;
select p, asks(array[p]) from unnest('{price_month,price_year}'::text[]) p;
-- Two pages may be open at once, and a request that is repeated is the same.
select subscribed('canceled'), asks('{price_month}', 'key'), asks('{price_month}');
select subscribed('active'), asks('{price_month}', 'key'), asks('{price_month}', 'other');
-- Who means it says so.
set local payments.allow_second_subscription = on;
select asks('{price_month}');
rollback;
set role authenticated;
set payments.allow_second_subscription = on;
