-- The buyer chooses both the line items and the order that they are for, so that one payment could buy twice: an order
-- that names its line items is paid by those very items; one that names none by a backend's session, or by items that
-- give nothing of their own.
set client_min_messages = warning;
select payments.create_app_tables();
select payments.set_credit_benefit('test', 'price_credit', 1),
       payments.set_entitlement_benefit('test', 'prod_course', 'course');
insert into payments.prices (environment, stripe_price_id, stripe_product_id)
values ('test', 'price_credit', 'prod_credit'), ('test', 'price_book', 'prod_book'),
       ('test', 'price_course', 'prod_course');
create procedure make_order(name text, line_items jsonb default null) language sql as $$
  insert into orders (id, user_id, amount, currency, line_items)
  values (md5(name)::uuid, 'ada', 4900, 'usd', line_items) $$;
-- Ada opens a session herself, with the items and the order that she likes, and pays it.
create procedure buy(name text, line_items jsonb, caller text default 'ada', guest boolean default false)
  language sql as $$
  insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, created_by, guest,
                                          line_items, success_url, cancel_url, metadata, stripe_checkout_session_id)
  values (md5('session ' || name)::uuid, 'test', 'payment', 'open', case when not guest then 'user' end,
          case when not guest then 'ada' end, caller, guest, line_items,
          'https://a.example', 'https://a.example', jsonb_build_object('order_id', md5(name)::uuid), 'cs_' || name);
  insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency,
                                        paid_at)
  values ('test', 'one_time_payment', 'succeeded', 'cs_' || name, 4900, 'usd', '2026-01-01 00:00+00') $$;
create view story as
  select substr(s.stripe_checkout_session_id, 4) as session, o.status, f.state, folded(f.reason, 60) as reason,
         (select sum(l.delta) from credit_ledger l where l.source like 'checkout:' || s.id || ':%') as credits
    from payments.checkout_sessions s
    left join payments.fulfillments f on f.source = 'checkout:' || s.id and f.kind = 'orders'
      and not starts_with(f.item, 'undecided:')
    left join orders o on o.id::text = f.item
   order by s.created_at, s.stripe_checkout_session_id;

-- Items that give something of their own pay no order that names none; nor does a guest's.
begin;
call make_order('twice'); call buy('twice', '[{"price": "price_credit", "quantity": 49}]');
call make_order('course');
call buy('course', '[{"price": "price_book", "quantity": 1}, {"price": "price_course", "quantity": 1}]');
call make_order('guest'); update orders set user_id = null where id = md5('guest')::uuid;
call buy('guest', '[{"price": "price_credit", "quantity": 49}]', null, true);
call make_order('book'); call buy('book', '[{"price": "price_book", "quantity": 1}]');
call make_order('backend'); call buy('backend', '[{"price": "price_credit", "quantity": 49}]', null);
table story;
-- A person does what the reason says.
update orders set line_items = '[{"price": "price_credit", "quantity": 49}]' where id = md5('twice')::uuid;
select payments.retry_fulfillments();
select * from story where session = 'twice';
rollback;

-- An order that names its items is paid by those, in any order, and by no others, whoever made the session.
begin;
call make_order('same', '[{"stripePriceId": "price_book"}, {"price": "price_credit", "quantity": 2}]');
call buy('same',
         '[{"price": "price_credit", "quantity": 1}, {"price": "price_book", "quantity": 1},
           {"price": "price_credit", "quantity": 1}]');
call make_order('fewer', '[{"price": "price_book", "quantity": 2}]');
call buy('fewer', '[{"price": "price_book", "quantity": 1}]');
call make_order('more', '[{"price": "price_book"}]');
call buy('more', '[{"price": "price_book", "quantity": 1}, {"price": "price_credit", "quantity": 1}]');
call make_order('other', '[{"price": "price_book"}]');
call buy('other', '[{"price": "price_cheap", "quantity": 1}]', null);
call make_order('empty', '[]'); call buy('empty', '[{"price": "price_book", "quantity": 1}]');
call make_order('odd', '{"a": "book"}'); call buy('odd', '[{"price": "price_book", "quantity": 1}]');
call make_order('null', 'null'); call buy('null', '[{"price": "price_book", "quantity": 1}]');
table story;
rollback;

-- What is set later changes nothing of what was decided.
begin;
call make_order('before'); call buy('before', '[{"price": "price_book", "quantity": 1}]');
call make_order('unmatched'); update orders set amount = 5000 where id = md5('unmatched')::uuid;
call buy('unmatched', '[{"price": "price_book", "quantity": 1}]');
select pg_sleep(0.01);
commit;
select payments.set_credit_benefit('test', 'price_book', 7);
update payments.payment_history set status = 'partially_refunded', amount_refunded = 100;
select * from story where session = 'before';
update orders set amount = 4900 where id = md5('unmatched')::uuid;
select payments.retry_fulfillments();
table story;
-- What was given stays given, and pays no order although the benefit is gone.
call make_order('gone'); call buy('gone', '[{"price": "price_book", "quantity": 1}]');
select payments.remove_benefit('test', 'price_book');
select payments.retry_fulfillments();
select session, status, state, credits from story where session = 'gone';

-- The product of a price becomes known later: the order waits for it, visibly, and is paid if it gives nothing.
call make_order('late'); call buy('late', '[{"price": "price_late", "quantity": 1}]');
call make_order('late_course'); call buy('late_course', '[{"price": "price_late_course", "quantity": 1}]');
select * from story where session like 'late%';
select item, state, reason from payments.fulfillments where kind = 'orders' and starts_with(item, 'undecided:')
 order by 1;
insert into payments.prices (environment, stripe_price_id, stripe_product_id)
values ('test', 'price_late', 'prod_book'), ('test', 'price_late_course', 'prod_course');
select * from story where session like 'late%';
select item, state, reason from payments.fulfillments where kind = 'orders' and starts_with(item, 'undecided:')
 order by 1;

-- A table of the app's own that has no such column.
begin;
create table purchases (id text primary key, status text default 'pending', amount bigint, currency text, user_id text,
                        items jsonb);
select payments.detach('orders', 'orders');
select payments.attach('orders', 'purchases', '{"allow_superuser_owner": true}');
insert into purchases (id, amount, currency, user_id, items)
values (md5('mine')::uuid, 4900, 'usd', 'ada', '[{"price": "price_credit", "quantity": 49}]');
call buy('mine', '[{"price": "price_credit", "quantity": 49}]');
select state, folded(reason, 80) as reason from payments.review where target_table = 'public.purchases';
select payments.attach('orders', 'purchases', '{"allow_superuser_owner": true, "line_items": "items"}');
select payments.retry_fulfillments();
select id = md5('mine')::uuid::text as mine, status from purchases;
rollback;
