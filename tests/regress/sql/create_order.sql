-- A backend makes an order of line items: amount and currency are the catalog's, the table is the app's own.
\set ON_ERROR_ROLLBACK on
insert into payments.prices (environment, stripe_price_id, stripe_product_id, type, currency, unit_amount,
                             billing_scheme, active, lookup_key, raw)
values ('test', 'price_book', 'prod_book', 'one_time', 'usd', 1000, 'per_unit', true, 'book', '{}'),
       ('test', 'price_pen', 'prod_pen', 'one_time', 'usd', 150, 'per_unit', true, null,
        '{"transform_quantity": null}'),
       ('test', 'price_euro', 'prod_book', 'one_time', 'eur', 900, 'per_unit', true, null, '{}'),
       ('test', 'price_gone', 'prod_book', 'one_time', 'usd', 900, 'per_unit', false, null, '{}'),
       ('test', 'price_plan', 'prod_plan', 'recurring', 'usd', 900, 'per_unit', true, null, '{}'),
       ('test', 'price_tiers', 'prod_t', 'one_time', 'usd', null, 'tiered', true, null, '{}'),
       ('test', 'price_packs', 'prod_p', 'one_time', 'usd', 500, 'per_unit', true, null,
        '{"transform_quantity": {"divide_by": 10, "round": "up"}}'),
       ('test', 'price_gift', 'prod_g', 'one_time', 'usd', null, 'per_unit', true, null, '{}');
set role project_admin;
select payments.create_order('test', '[{"price": "price_book"}]', 'ada');
reset role;
grant create on schema public to project_admin;
set role project_admin;
select payments.create_app_tables();
begin;
create temporary view made as
  select user_id, subject_type, subject_id, environment, status, amount, currency, line_items
    from orders order by created_at, amount;
select payments.create_order('test', '[{"price": "price_book", "quantity": 2}, {"stripePriceId": "price_pen"}]',
                             'ada') as id \gset
select count(*) from orders where id = :'id';
select payments.create_order('test', '[{"lookup_key": "book"}]', 'ada', 'team', '7') is not null as made;
table made;
-- It is paid by its items, as any order that the app wrote.
select payments.create_order('test', '[{"price": "price_book"}]', 'ada', 'user', 'ada') as id \gset
select payments.stripe_request(id) #>> '{params,currency}' as currency
  from payments.create_checkout_session('test', 'payment', '[{"price": "price_book"}]',
  'https://a.example', 'https://a.example', 'user', 'ada',
  metadata => jsonb_build_object('order_id', :'id'));
update payments.checkout_sessions set status = 'open', stripe_checkout_session_id = 'cs_1';
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency, paid_at)
values ('test', 'one_time_payment', 'succeeded', 'cs_1', 1000, 'usd', '2026-01-01 00:00+00');
select status from orders where id = :'id';
rollback;

-- What makes no order.
select payments.create_order('test', '[{"price": "price_unknown"}]', 'ada');
select payments.create_order('live', '[{"price": "price_book"}]', 'ada');
select payments.create_order('test', '[{"price": "price_gone"}]', 'ada');
select payments.create_order('test', '[{"price": "price_plan"}]', 'ada');
select payments.create_order('test', '[{"price": "price_tiers"}]', 'ada');
select payments.create_order('test', '[{"price": "price_packs"}]', 'ada');
select payments.create_order('test', '[{"price": "price_gift"}]', 'ada');
select payments.create_order('test', '[{"price": "price_book"}, {"price": "price_euro"}]', 'ada');
select payments.create_order('test', '[{"lookup_key": "nothing"}]', 'ada');
select payments.create_order('test', '[]', 'ada');
select payments.create_order('test', null, 'ada');
select payments.create_order('both', '[{"price": "price_book"}]', 'ada');
select payments.create_order('test', '[{"price": "price_book"}]', 'ada', 'team');
select count(*) from orders;

-- The app's own columns and types, of one table among several; what the table refuses is raised.
begin;
create type currencies as enum ('usd', 'eur');
create type states as enum ('pending', 'paid', 'refunded', 'new');
create table sales (ref bigint generated always as identity primary key, state states not null default 'new',
                    total int check (total < 5000), unit currencies, buyer uuid, items json);
select payments.attach('orders', 'sales', '{"id": "ref", "status": "state", "amount": "total", "currency": "unit",
                                            "user_id": "buyer", "line_items": "items"}');
select payments.create_order('test', '[{"price": "price_book"}]', 'ada');
select payments.create_order('test', '[{"price": "price_book"}]', 'ada', orders => 'sales');
select payments.create_order('test', '[{"price": "price_book", "quantity": 2}]',
                             '0b7a4f0e-3c1d-4a55-9a3f-5d0a5f1e0001', orders => 'sales');
select payments.create_order('test', '[{"price": "price_book"}]', orders => 'sales');
table sales;
select payments.create_order('test', '[{"price": "price_book", "quantity": 5}]', orders => 'sales');
select payments.create_order('test', '[{"price": "price_book"}]', orders => 'pg_class');
create function nothing() returns trigger language plpgsql as 'begin return null; end';
create trigger nothing before insert on sales for each row execute function nothing();
select payments.create_order('test', '[{"price": "price_book"}]', orders => 'sales');
rollback;

-- An end user does not call it; a function of the app's does for him.
create function order_book(copies int) returns text language sql security definer set search_path = pg_catalog, pg_temp
  as $$ select payments.create_order('test', jsonb_build_array(jsonb_build_object('price', 'price_book',
                                                                                  'quantity', copies)),
                                     payments.current_user_id(), 'user', payments.current_user_id()) $$;
begin;
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada", "role": "authenticated"}';
select payments.create_order('test', '[{"price": "price_book"}]', 'ada');
select order_book(3) is not null as ordered;
select user_id, amount, status from orders;
rollback;
