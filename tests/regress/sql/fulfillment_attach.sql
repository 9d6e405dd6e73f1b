-- The projection on tables that the app already has, under other names and with other types of keys.

set client_min_messages = warning;
create role app_owner;
create schema shop authorization app_owner;
create type shop.progress as enum ('pending', 'paid', 'fulfilled', 'canceled', 'refunded');
create table shop.purchases (ref bigint primary key, buyer uuid, state shop.progress not null default 'pending',
                             total int, cur char(3));
create table shop.points (ref uuid primary key default gen_random_uuid(), kind text, who uuid, points bigint,
                          rest bigint, why text, origin text);
create table shop.passes (who uuid, pass text, origin text, valid boolean, until timestamptz);
create table shop.plans (org bigint primary key, sub text, state text, until timestamptz);
alter table shop.purchases owner to app_owner;
alter table shop.points owner to app_owner;
alter table shop.passes owner to app_owner;
alter table shop.plans owner to app_owner;

-- every column that is missing or wrong is named at once
select payments.attach('orders', 'shop.purchases');
select payments.attach('orders', 'shop.purchases',
                       '{"id": "ref", "status": "nowhere", "amount": "buyer", "color": "blue"}');
select payments.attach('credit_ledger', 'shop.points',
                       '{"id": "ref", "subject_type": "kind", "subject_id": "who", "delta": "points",
                         "balance_after": "rest", "reason": "why", "source": "origin"}');
alter table shop.points add unique (origin);
select payments.attach('ledger', 'shop.points');
select payments.attach('orders', 'payments.payment_history');
select payments.attach('orders', null);

-- who may attach
create table not_mine (id int primary key, status text);
select payments.attach('orders', 'not_mine');
select payments.attach('orders', 'not_mine', '{"allow_superuser_owner": true}');
select payments.detach('orders', 'not_mine');

-- again and again
select payments.attach('orders', 'shop.purchases',
                       '{"id": "ref", "user_id": "buyer", "status": "state", "amount": "total"}');
select payments.attach('orders', 'shop.purchases',
                       '{"id": "ref", "user_id": "buyer", "status": "state", "amount": "total", "currency": "cur"}');
select payments.attach('credit_ledger', 'shop.points',
                       '{"id": "ref", "subject_type": "kind", "subject_id": "who", "delta": "points",
                         "balance_after": "rest", "reason": "why", "source": "origin"}');
select payments.attach('user_entitlements', 'shop.passes',
                       '{"user_id": "who", "key": "pass", "source": "origin", "active": "valid",
                         "expires_at": "until"}');
select payments.attach('billing_status', 'shop.plans',
                       '{"team_id": "org", "stripe_subscription_id": "sub", "status": "state",
                         "current_period_end": "until", "for": "organization"}');
select tgname, tgrelid::regclass from pg_trigger where not tgisinternal and tgname like 'project%' order by 1, 2;

select payments.set_credit_benefit('test', 'price_x', 30);
select payments.set_entitlement_benefit('test', 'price_x', 'pass', '1 month');
insert into shop.purchases values (42, '00000000-0000-0000-0000-00000000000a', 'pending', 2000, 'eur');
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url, metadata, stripe_checkout_session_id)
values ('10000000-0000-0000-0000-000000000001', 'test', 'payment', 'user', '00000000-0000-0000-0000-00000000000A',
        '[{"price": "price_x", "quantity": 2}]', 'https://a.example', 'https://a.example', '{"order_id": "42"}',
        'cs_1');
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency, paid_at)
values ('test', 'one_time_payment', 'succeeded', 'cs_1', 2000, 'eur', '2026-01-31 00:00+00');
insert into payments.subscriptions (environment, stripe_subscription_id, subject_type, subject_id, status,
                                    current_period_end)
values ('test', 'sub_1', 'organization', '7', 'active', '2026-03-01 00:00+00'),
       ('test', 'sub_2', 'team', '8', 'active', '2026-03-01 00:00+00'),
       ('test', 'sub_3', 'organization', 'seven', 'active', '2026-03-01 00:00+00');
select * from shop.purchases;
select kind, who, points, rest, why, origin from shop.points;
select who, pass, origin, valid, until at time zone 'UTC' as until from shop.passes;
select org, sub, state from shop.plans;
select kind, item, state, reason, sqlstate from payments.fulfillments order by 1, 2;
-- part of a refund, absolute, twice
update payments.payment_history set status = 'partially_refunded', amount_refunded = 667;
update payments.payment_history set description = 'nothing that matters';
update payments.payment_history set amount_refunded = 1000;
select points, rest, why from shop.points order by rest desc;

-- off again
select payments.detach('orders', 'shop.purchases');
update payments.payment_history set status = 'refunded', amount_refunded = 2000;
select state from shop.purchases;
select points, rest, why from shop.points order by rest desc;
select tgname, tgrelid::regclass from pg_trigger where not tgisinternal and tgname like 'project%' order by 1, 2;

-- default tables can be made again beside what is there
select payments.create_app_tables('shop');
select payments.create_app_tables('shop');
select payments.create_app_tables('nowhere');
select kind, relation from payments.attachments order by 1, 2;

-- everything that stands against writing is named at once
create type shop.few as enum ('purchase', 'spend');
create table shop.bad (id bigint, subject_type text, subject_id text, delta bigint,
                       balance_after bigint generated always as (delta) stored,
  reason shop.few, source text unique deferrable, must text not null);
alter table shop.bad owner to app_owner;
select payments.attach('credit_ledger', 'shop.bad');
create temp table passing (team_id text, stripe_subscription_id text, status text, current_period_end timestamptz);
select payments.attach('billing_status', 'passing');

-- a foreign key whose name another table's constraint has cannot be set apart from that, and is left alone
begin;
create table shop.states (state text constraint same_name primary key);
create table shop.linked (id text primary key, user_id text, status text, amount bigint, currency text);
insert into shop.states values ('pending'), ('paid');
alter table shop.linked add constraint linked_status foreign key (status) references shop.states deferrable;
alter table shop.states rename constraint same_name to linked_status;
alter table shop.states owner to app_owner;
alter table shop.linked owner to app_owner;
insert into shop.linked values ('linked', '00000000-0000-0000-0000-00000000000a', 'pending', 2000, 'eur');
select payments.attach('orders', 'shop.linked');
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url, metadata, stripe_checkout_session_id)
values (md5('linked')::uuid, 'test', 'payment', 'user', '00000000-0000-0000-0000-00000000000a',
        '[{"price": "price_y", "quantity": 1}]', 'https://a.example', 'https://a.example', '{"order_id": "linked"}',
        'cs_linked');
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency, paid_at)
values ('test', 'one_time_payment', 'succeeded', 'cs_linked', 2000, 'eur', '2026-01-01 00:00+00');
select state, sqlstate, reason from payments.fulfillments where target_table = 'shop.linked';
rollback;

-- a product or a price may have an id of the app's own, if the catalog knows it
begin; select payments.set_credit_benefit('test', 'gold', 5); rollback;
begin;
insert into payments.products (environment, stripe_product_id, name)
values ('test', 'gold', 'Gold'), ('live', 'prod-silver', 'Silver');
insert into payments.prices (environment, stripe_price_id) values ('test', 'gold-monthly');
select payments.set_credit_benefit('test', 'gold', 5), payments.set_credit_benefit('test', 'gold-monthly', 7),
       payments.set_credit_benefit('test', 'prod_new', 9);
select stripe_price_id, stripe_product_id, credits_per_unit from payments.benefits where credits_per_unit in (5, 7, 9)
 order by 3;
rollback;
begin; select payments.set_credit_benefit('test', 'prod-silver', 5); rollback;

-- only a sequence that counts one by one tells which line is the last
create table shop.counted (id bigint generated by default as identity (cache 20), plain bigint not null default 0,
                           serial bigserial, subject_type text, subject_id text,
  delta bigint, balance_after bigint, reason text, source text unique);
alter table shop.counted owner to app_owner;
select payments.attach('credit_ledger', 'shop.counted');
select numbered from payments.attachments where relation = 'shop.counted';
select payments.attach('credit_ledger', 'shop.counted', '{"id": "plain"}');
select numbered from payments.attachments where relation = 'shop.counted';
select payments.attach('credit_ledger', 'shop.counted', '{"id": "serial"}');
select numbered from payments.attachments where relation = 'shop.counted';
select payments.detach('credit_ledger', 'shop.counted');

-- a domain is what is below it; a text that is too long is not cut; a number that is too great names nothing
create domain shop.ref as uuid;
create table shop.narrow (user_id text, key varchar(6), source text, active boolean, expires_at timestamptz);
create table shop.domained (id shop.ref primary key, status text, amount bigint, currency text);
create table shop.small (id smallint primary key, status text, amount bigint, currency text);
alter table shop.narrow owner to app_owner;
alter table shop.domained owner to app_owner;
alter table shop.small owner to app_owner;
select payments.attach('user_entitlements', 'shop.narrow');
select payments.attach('orders', 'shop.domained');
select payments.attach('orders', 'shop.small');
select payments.detach('orders', 'shop.orders'), payments.detach('orders', 'public.not_mine');
select payments.set_entitlement_benefit('test', 'price_y', 'too long');
create procedure pay(name text, order_id text) language sql as $$
  insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                          cancel_url, metadata, stripe_checkout_session_id)
  values (md5(name)::uuid, 'test', 'payment', 'user', '00000000-0000-0000-0000-00000000000a',
          '[{"price": "price_y", "quantity": 1}]', 'https://a.example', 'https://a.example',
          jsonb_build_object('order_id', order_id), 'cs_' || name);
  insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency,
                                        paid_at)
  values ('test', 'one_time_payment', 'succeeded', 'cs_' || name, 2000, 'eur', '2026-01-01 00:00+00');
$$;
call pay('great', '40000');
call pay('none', 'seven');
insert into shop.domained values ('20000000-0000-0000-0000-000000000001', 'pending', 2000, 'eur');
call pay('fits', '20000000-0000-0000-0000-000000000001');
select f.kind, f.target_table, f.item, f.state, f.sqlstate, f.reason from payments.fulfillments f
 where f.source in (select 'checkout:' || md5(n)::uuid from unnest('{great,none,fits}'::text[]) n)
   and (f.kind = 'orders' or f.target_table = 'shop.narrow') order by 1, 2, 3;

-- a table that is gone is passed over, and can be taken off by its name
drop table shop.points;
select payments.adjust_credits('user', '00000000-0000-0000-0000-00000000000a', 5, 'gift');
select payments.detach_by_name('credit_ledger', 'shop.points'), payments.detach_by_name('credit_ledger', 'shop.points');

-- tables that were attached after a payment get what it bought when a person asks
create table shop.late (user_id text, key text, source text, active boolean, expires_at timestamptz);
alter table shop.late owner to app_owner;
select payments.attach('user_entitlements', 'shop.late');
select payments.retry_fulfillments(reference => '20000000-0000-0000-0000-000000000001') >= 0 as tried;
select key, active from shop.late;
