-- What an admin says once of all checkouts, or of those with a price, becomes a part of each request to Stripe.
\set ON_ERROR_ROLLBACK on
insert into payments.prices (environment, stripe_price_id, stripe_product_id, type, currency, unit_amount)
values ('test', 'price_book', 'prod_book', 'one_time', 'usd', 1000),
       ('test', 'price_plan', 'prod_plan', 'recurring', 'usd', 900),
       ('test', 'price_euro', 'prod_book', 'one_time', 'eur', 1000);
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'user', 'known', 'cus_known');
-- ask('payment', 'ada', '{price_book}'): a session, and what is asked of Stripe beside what the row says.
create function ask(mode text, subject text, prices text[], metadata jsonb default '{}') returns uuid
  language sql as $$
  insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                          cancel_url, metadata)
  select 'test', mode, case when subject is not null then 'user' end, subject,
         jsonb_agg(jsonb_build_object('price', p)), 'https://a.example/paid', 'https://a.example/cart', metadata
    from unnest(prices) p
  returning id $$;
create function more(session uuid) returns text language sql as $$
  select folded(((r -> 'params')
                 - '{mode,line_items,client_reference_id,metadata}'::text[]
                 #- '{payment_intent_data,metadata}' #- '{subscription_data,metadata}')::text)
    from payments.stripe_request(session) r $$;
grant execute on all functions in schema public to project_admin;
set role project_admin;

-- Nothing is said: the request is what the row says, and the currency of its prices.
select more(ask('payment', 'ada', '{price_book}'));
select more(ask('payment', 'ada', '{price_unknown,price_book}'));
select r ->> 'stripe_version' as version, r ->> 'method' as method
  from payments.stripe_request(ask('payment', 'ada', '{price_book}')) r;

-- Of the environment, then of a price; the mode leaves out what it forbids.
begin;
select payments.set_checkout_defaults('test', '{
  "locale": "auto", "automatic_tax": {"enabled": true}, "tax_id_collection": {"enabled": true},
  "allow_promotion_codes": true, "billing_address_collection": "required", "submit_type": "pay",
  "invoice_creation": {"enabled": true}, "payment_method_collection": "if_required",
  "payment_intent_data": {"setup_future_usage": "off_session"},
  "subscription_data": {"billing_mode": {"type": "flexible"}, "description": "All of it"},
  "customer_update": {"shipping": "auto"}}');
select payments.set_checkout_defaults('test', '{"locale": "de", "subscription_data": {"description": "The plan"}}',
                                      'price_plan');
select more(ask('payment', 'ada', '{price_book}'));
select more(ask('payment', 'known', '{price_book}'));
select more(ask('payment', null, '{price_book}'));
select more(ask('subscription', 'ada', '{price_plan,price_book}'));
select more(ask('subscription', 'known', '{price_plan}'));
-- It is replaced as a whole, of the other environment nothing is said, and a request that was made stays as it is.
select ask('payment', 'ada', '{price_book}') as kept \gset
select more(:'kept') as before \gset
select payments.set_checkout_defaults('test', '{"locale": "fr"}');
select environment, stripe_price_id, params from payments.checkout_defaults order by stripe_price_id nulls first;
select more(:'kept') = :'before' as stays;
select more(ask('payment', 'ada', '{price_book}'));
-- Nothing removes it.
select payments.set_checkout_defaults('test', '{}'), payments.set_checkout_defaults('test', null, 'price_plan');
select count(*) from payments.checkout_defaults;
select payments.set_checkout_defaults('live', '{"locale": "fr"}');
select more(ask('payment', 'ada', '{price_book}'));
rollback;

-- What is said of a cheap price makes no other cheaper or less safe: what takes money off holds if all say so, what
-- changes who pays what is the environment's where prices differ, and what one price asks for is asked for.
begin;
insert into payments.prices (environment, stripe_price_id, type, currency, unit_amount)
values ('test', 'price_a_cheap', 'one_time', 'usd', 1), ('test', 'price_z_cheap', 'one_time', 'usd', 1);
select payments.set_checkout_defaults('test', '{"automatic_tax": {"enabled": true},
  "shipping_address_collection": {"allowed_countries": ["DE"]}, "shipping_options": [{"shipping_rate": "shr_20"}],
  "excluded_payment_method_types": ["klarna"], "payment_intent_data": {"capture_method": "automatic"}}');
select payments.set_checkout_defaults('test', '{"automatic_tax": {"enabled": false},
  "shipping_address_collection": {"allowed_countries": ["US"]}, "shipping_options": [{"shipping_rate": "shr_free"}],
  "excluded_payment_method_types": ["sepa_debit"], "payment_intent_data": {"capture_method": "manual"},
  "after_expiration": {"recovery": {"enabled": true, "allow_promotion_codes": true}},
  "allow_promotion_codes": true, "locale": "de"}', p)
  from unnest('{price_a_cheap,price_z_cheap}'::text[]) p;
select more(ask('payment', 'ada', '{price_book,price_z_cheap}'));
select more(ask('payment', 'ada', '{price_book,price_a_cheap}'))
       = more(ask('payment', 'ada', '{price_z_cheap,price_book}')) as whichever_it_is;
select more(ask('payment', 'ada', '{price_a_cheap,price_z_cheap}'));
rollback;

-- Of what is billed by usage Stripe takes no quantity, whoever asks for one; of the rest it takes one always.
begin;
insert into payments.prices (environment, stripe_price_id, stripe_product_id, type, currency, raw)
values ('test', 'price_usage', 'prod_usage', 'recurring', 'usd', '{"recurring": {"usage_type": "metered"}}'),
       ('test', 'price_seat', 'prod_seat', 'recurring', 'usd', '{"recurring": {"usage_type": "licensed"}}');
select folded(payments.stripe_request(id) #>> '{params,line_items}') as line_items
  from payments.create_checkout_session('test', 'subscription', '[{"price": "price_usage", "quantity": 3},
    {"stripePriceId": "price_seat", "quantity": 4}, {"price": "price_usage"}, {"price": "price_unknown"}]',
    'https://a.example/paid', 'https://a.example/cart', 'user', 'ada');
rollback;

-- A text that nothing would show is left out, and so is what says how an invoice is, where there is none.
begin;
select payments.set_checkout_defaults('test', '{"custom_text": {"shipping_address": {"message": "No boxes"},
  "terms_of_service_acceptance": {"message": "I agree"}}, "invoice_creation": {"enabled": false, "invoice_data":
  {"footer": "Thanks"}}}');
select payments.set_checkout_defaults('test', '{"shipping_address_collection": {"allowed_countries": ["DE"]},
  "consent_collection": {"terms_of_service": "required"}, "invoice_creation": {"enabled": true}}', 'price_book');
select more(ask('payment', 'ada', '{price_euro}'));
select more(ask('payment', 'ada', '{price_book}'));
rollback;

-- A time to pay is a time, computed once.
begin;
select payments.set_checkout_defaults('test', '{"expires_after": "2 hours"}');
select ask('payment', 'ada', '{price_book}') as kept \gset
select (r #>> '{params,expires_at}')::numeric - extract(epoch from now()) between 7199 and 7290 as in_two_hours,
       r -> 'params' ? 'expires_after' as as_we_say_it
  from payments.stripe_request(:'kept') r;
select payments.stripe_request(:'kept') #>> '{params,expires_at}' as first \gset
do 'begin perform pg_sleep(1.1); end';
select payments.stripe_request(:'kept') #>> '{params,expires_at}' = :'first' as stays;
rollback;

-- The currency of the order that is paid comes first, so that no other can pay it.
reset role;
grant create on schema public to project_admin;
set role project_admin;
begin;
select payments.create_app_tables();
insert into orders (id, amount, currency)
values ('00000000-0000-4000-8000-000000000001', 1000, 'EUR'), ('00000000-0000-4000-8000-000000000002', 1000, null);
select n, payments.stripe_request(ask('payment', 'ada', prices, jsonb_build_object('order_id', order_id)))
          #>> '{params,currency}' as currency
  from (values (1, '{price_book}'::text[], '00000000-0000-4000-8000-000000000001'),
               (2, '{price_book}', '00000000-0000-4000-8000-000000000002'),
               (3, '{price_euro}', '00000000-0000-4000-8000-000000000003'),
               (4, '{price_euro}', 'no uuid'),
               (5, '{price_euro,price_book}', '')) as w(n, prices, order_id) order by n;
rollback;

-- What may not be said, and who may not say it.
select payments.set_checkout_defaults('test', '{"metadata": {"a": "b"}}');
select payments.set_checkout_defaults('test', '{"subscription_data": {"trial_period_days": 7, "metadata": {}}}');
select payments.set_checkout_defaults('test', '{"payment_intent_data": {"on_behalf_of": "acct_1"}}');
select payments.set_checkout_defaults('test', '{"line_items": []}');
select payments.set_checkout_defaults('test', '{"success_url": "https://a.example"}');
select payments.set_checkout_defaults('test', '{"subscription_data": {"trial_period_days": 731}}');
select payments.set_checkout_defaults('test', '{"expires_after": "29 minutes"}');
select payments.set_checkout_defaults('test', '{"expires_after": "soon"}');
select payments.set_checkout_defaults('test', '{"locale": "tlh"}');
select payments.set_checkout_defaults('test', '{"allow_promotion_codes": "yes"}');
select payments.set_checkout_defaults('test', '{"allow_promotion_codes": true, "discounts": [{"coupon": "half"}]}');
select payments.set_checkout_defaults('test', '{"custom_text": {"submit": {"message": "sk_test_abcdefgh"}}}');
select payments.set_checkout_defaults('test', '{"custom_fields": [
  {"key": "size", "type": "text", "label": {"type": "custom", "custom": "Size"}},
  {"key": "size", "type": "text", "label": {"type": "custom", "custom": "Shoe size"}}]}');
select payments.set_checkout_defaults('test', '{"payment_intent_data": {"statement_descriptor_suffix": "2026"}}');
select payments.set_checkout_defaults('test', '[]');
select payments.set_checkout_defaults('both', '{}');
select payments.set_checkout_defaults('test', '{"locale": "de"}', 'prod_plan');
select payments.set_checkout_defaults('test', '{"locale": "de"}', '');
-- Nor of a price by another name: it would reach no checkout.
begin;
insert into payments.prices (environment, stripe_price_id, active, lookup_key)
values ('test', 'price_pro', true, 'pro'), ('test', 'gold', true, null), ('live', 'silver', true, null);
insert into payments.products (environment, stripe_product_id, name) values ('test', 'shirt', 'A shirt');
select payments.set_checkout_defaults('test', '{"locale": "de"}', 'pro');
select payments.set_checkout_defaults('test', '{"locale": "de"}', 'silver');
select payments.set_checkout_defaults('test', '{"locale": "de"}', 'shirt');
select payments.set_checkout_defaults('test', '{"locale": "de"}', 'gold');
select payments.set_checkout_defaults('test', null, 'silver');
select payments.set_checkout_defaults('test', null, '');
select stripe_price_id from payments.checkout_defaults;
rollback;
select count(*) from payments.checkout_defaults;
insert into payments.checkout_defaults (environment, params) values ('test', '{"mode": "setup"}');
reset role;
set role authenticated;
select payments.set_checkout_defaults('test', '{"locale": "de"}');
select * from payments.checkout_defaults;
reset role;

-- A version that is none is named.
set payments.stripe_version = 'newest';
select payments.stripe_request(ask('payment', 'ada', '{price_book}'));
reset payments.stripe_version;
