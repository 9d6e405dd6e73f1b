-- A product's benefit reaches a line whose price the catalog does not know yet as soon as it does: the price may come
-- before the payment or after it. Each line is decided once; what could not be decided says so.

set client_min_messages = warning;
select payments.create_app_tables();
select payments.set_credit_benefit('test', 'prod_pack', 10), payments.set_credit_benefit('test', 'price_own', 3);
select payments.set_entitlement_benefit('test', 'prod_course', 'course', '1 month'),
       payments.set_entitlement_benefit('test', 'price_own', 'course', '1 day');
create procedure buy(name text, lines jsonb, amount bigint default 1000) language sql as $$
  insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                          cancel_url, stripe_checkout_session_id)
  values (md5(name)::uuid, 'test', 'payment', 'user', name, lines, 'https://a.example', 'https://a.example',
          'cs_' || name);
  insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency,
                                        paid_at)
  values ('test', 'one_time_payment', 'succeeded', 'cs_' || name, amount, 'eur', '2026-01-31 00:00+00');
$$;
create procedure price(price text, product text) language sql as $$
  insert into payments.prices (environment, stripe_price_id, stripe_product_id) values ('test', price, product)
  on conflict (environment, stripe_price_id) do update set stripe_product_id = excluded.stripe_product_id
$$;
create function story(name text) returns table (kind text, item text, state text, reason text, amount_due bigint,
    granted bigint) language sql as $$
  select f.kind, f.item, f.state, folded(f.reason, 40), f.amount_due, f.granted from payments.fulfillments f
   where f.source = 'checkout:' || md5(name)::uuid and f.kind <> 'fulfillment_jobs' order by 1, 2
$$;
create function has(name text) returns text language sql as $$
  select concat_ws(', ', (select coalesce(sum(delta), 0)::text from credit_ledger where subject_id = name),
                   (select string_agg(key || ' until ' || (expires_at at time zone 'UTC')::date, ', ')
                      from user_entitlements where user_id = name))
$$;

-- the price comes after the payment; a benefit that was set after the payment is not for it
call buy('late', '[{"price": "price_pack", "quantity": 2}, {"price": "price_course", "quantity": 1}]');
select * from story('late');
select payments.set_entitlement_benefit('test', 'prod_pack', 'set_later');
call price('price_pack', null);
select has('late');
call price('price_pack', 'prod_pack');
call price('price_course', 'prod_course');
select * from story('late');
select has('late');
-- and before: the same
select payments.remove_benefit('test', 'prod_pack', 'set_later');
call buy('early', '[{"price": "price_pack", "quantity": 2}, {"price": "price_course", "quantity": 1}]');
select * from story('early');
select has('early');
-- told again, nothing more
call price('price_pack', 'prod_pack');
update payments.prices set stripe_product_id = 'prod_other' where stripe_price_id = 'price_pack';
update payments.payment_history set description = 'again';
select has('late'), has('early');
call price('price_pack', 'prod_pack');

-- two prices of one product, one of them late; half of the money is gone back meanwhile
call buy('both',
         '[{"price": "price_pack", "quantity": 1}, {"price": "price_late", "quantity": 1},
           {"price": "price_own", "quantity": 1}]');
update payments.payment_history set status = 'partially_refunded', amount_refunded = 500
 where stripe_checkout_session_id = 'cs_both';
select has('both');
call price('price_late', 'prod_pack');
select * from story('both');
select has('both');
select delta, balance_after, reason, substr(source, 47) as step from credit_ledger where subject_id = 'both'
 order by id;

-- of a price with benefits of its own, only what its product gives besides is late: the longer one of a key stays
call buy('own', '[{"price": "price_own", "quantity": 1}, {"price": "price_two", "quantity": 1}]');
select * from story('own');
call price('price_two', 'prod_course');
select has('own');
-- a price of a product that gives nothing leaves nothing to do
call buy('plain', '[{"price": "price_plain", "quantity": 1}]');
call price('price_plain', 'prod_plain');
select * from story('plain');

-- more than can be written: the payment stays, the other kind is given, and it completes after the repair
select payments.set_credit_benefit('test', 'price_huge', 9000000000000000000),
       payments.set_entitlement_benefit('test', 'price_huge', 'huge', '1 day');
select payments.set_credit_benefit('test', 'price_long', 5),
       payments.set_entitlement_benefit('test', 'price_long', 'long', '200000 years');
call buy('huge', '[{"price": "price_huge", "quantity": 2}]');
call buy('long', '[{"price": "price_long", "quantity": 2}]');
select kind, item, state, sqlstate, folded(f.reason, 50) as reason from payments.fulfillments f
 where source in ('checkout:' || md5('huge')::uuid, 'checkout:' || md5('long')::uuid) and kind <> 'fulfillment_jobs'
 order by f.source, 1, 2;
select has('huge'), has('long');
select payments.set_credit_benefit('test', 'price_huge', 4),
       payments.set_entitlement_benefit('test', 'price_long', 'long', '1 year');
select payments.retry_fulfillments();
select has('huge'), has('long');
select * from story('huge');
select * from story('long');
-- a payment without a time that could be counted from
begin;
call buy('never', '[{"price": "price_long", "quantity": 1}]');
update payments.payment_history set paid_at = 'infinity', amount_refunded = 0
 where stripe_checkout_session_id = 'cs_never';
select count(*) as payments from payments.payment_history where stripe_checkout_session_id = 'cs_never';
rollback;

-- the function gives nothing from anywhere else
create table mine as table payments.prices with no data;
create trigger project_late_price after insert on mine for each row execute function payments.project_late_price();
insert into mine select * from payments.prices limit 1;
