-- A price is asked for by its lookup key: the row says which price had it.
\set ON_ERROR_ROLLBACK on
insert into payments.prices (environment, stripe_price_id, stripe_product_id, type, lookup_key, active)
values ('test', 'price_new', 'prod_plan', 'recurring', 'plan', true),
       ('test', 'price_old', 'prod_plan', 'recurring', 'plan', false),
       ('live', 'price_live', 'prod_plan', 'recurring', 'plan', true),
       ('live', 'price_elsewhere', 'prod_plan', 'recurring', 'elsewhere', true),
       ('test', 'price_book', 'prod_book', 'one_time', 'book', true),
       ('test', 'price_a', 'prod_a', 'one_time', 'twice', true),
       ('test', 'price_b', 'prod_b', 'one_time', 'twice', true);
create function ask(mode text, items jsonb, key text default null) returns jsonb language sql as $$
  select line_items from payments.create_checkout_session('test', mode, items, 'https://a.example/paid',
    'https://a.example/cart', 'user', 'ada', idempotency_key => key) $$;
grant execute on all functions in schema public to authenticated, project_admin;
begin;
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada", "role": "authenticated"}';
select ask('subscription', '[{"lookup_key": "plan", "quantity": 2}, {"stripePriceId": "price_book"}]');
-- It is checked as its price is; a key that no active price has here is refused, and so is one that two have.
select ask('payment', '[{"lookup_key": "plan"}]');
select ask('payment', '[{"lookup_key": "unknown"}]');
select ask('subscription', '[{"lookup_key": "elsewhere"}]');
select ask('payment', '[{"lookup_key": "twice"}]');
select ask('payment', '[{"lookup_key": "book", "price": "price_book"}]');
-- The same request is the same session, also after the key went to another price; by the price's id it is another.
select ask('payment', '[{"lookup_key": "book"}]', 'cart');
reset role;
update payments.prices set lookup_key = null where stripe_price_id = 'price_book';
set local role authenticated;
select ask('payment', '[{"lookup_key": "book"}]', 'cart');
select ask('payment', '[{"price": "price_book"}]', 'cart');
-- A plain INSERT, of a backend too.
set local role project_admin;
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
values ('test', 'subscription', 'user', 'ada', '[{"lookup_key": "plan"}]', 'https://a.example', 'https://a.example')
returning line_items;
select payments.stripe_request(id) #> '{params,line_items}' as asked
  from payments.checkout_sessions where line_items = '[{"price": "price_new"}]';
rollback;
-- A guest who asks again has his session again, as with prices.
begin;
set local role anon;
select ask_again from (select id as ask_again from payments.create_checkout_session('test', 'payment',
  '[{"lookup_key": "book"}]', 'https://a.example', 'https://a.example', idempotency_key => 'guest')) g \gset
commit;
begin;
set local role anon;
select id = :'ask_again' as the_same, line_items from payments.create_checkout_session('test', 'payment',
  '[{"lookup_key": "book"}]', 'https://a.example', 'https://a.example', idempotency_key => 'guest');
rollback;
