-- Credits of subscriptions: what the lines of paid invoices give, lapse and parts, spending and reads.

set client_min_messages = warning;
set timezone = 'UTC';
select payments.create_app_tables();
-- A paid invoice, as a backend's own row tells it: lines of a month each from a time.
create procedure paid(invoice text, lines jsonb, at timestamptz default now(), has_more boolean default false,
                      subject text default 'ada') language sql as $$
  insert into payments.payment_history (environment, type, status, subject_type, subject_id, stripe_invoice_id,
      stripe_subscription_id, amount, amount_refunded, currency, paid_at, invoice_lines)
  values ('test', 'subscription_invoice', 'succeeded', case when subject is not null then 'user' end, subject,
      invoice, 'sub_a', 1500, 0, 'usd', at, jsonb_build_object('lines', lines, 'has_more', has_more))
$$;
create function line(id text, price text, starts timestamptz, ends timestamptz, more jsonb default '{}')
  returns jsonb language sql stable as $$
  select jsonb_build_array(jsonb_build_object('id', id, 'item', 'si_a', 'price', price, 'product', 'prod_a',
    'start', extract(epoch from starts)::bigint, 'end', extract(epoch from ends)::bigint, 'quantity', 1,
    'amount', 1500) || more)
$$;
create view ledger as select subject_id, delta, balance_after, reason, expires_at is not null as lapses
  from credit_ledger order by id;
create function has() returns bigint language sql stable as $$ select payments.credit_balance('user', 'ada') $$;

-- what cannot be counted beforehand gives nothing
insert into payments.prices (environment, stripe_price_id, type, raw) values
  ('test', 'price_used', 'recurring', '{"recurring": {"usage_type": "metered"}}'),
  ('test', 'price_once', 'one_time', '{}');
\set VERBOSITY verbose
select payments.set_credit_benefit('test', 'price_used', 1);
select payments.set_credit_benefit('test', 'price_once', 1, until_period_end => true);
select payments.set_credit_benefit('test', 'price_month', 1, every => '1 minute');
select payments.set_credit_benefit('test', 'price_month', 1, lasts => '-1 day');
\set VERBOSITY default
-- a month that lapses, a month that rolls over, a year in parts
select payments.set_credit_benefit('test', 'price_month', 100, until_period_end => true),
       payments.set_credit_benefit('test', 'price_roll', credits => 50),
       payments.set_credit_benefit('test', 'price_year', 10, every => '1 month', until_period_end => true);
call paid('in_1', line('il_1', 'price_month', now() - interval '30 days', now() + interval '2 seconds'));
call paid('in_2', line('il_2', 'price_roll', now() - interval '1 day', now() + interval '30 days'));
table ledger;
select has();
-- what lapses first is spent first; a benefit that is removed keeps what it promised
select payments.spend_credits('user', 'ada', 30, 'first');
select payments.remove_benefit('test', 'price_month');
select payments.remove_benefit('tset', 'price_month');
select payments.retry_fulfillments('tset');
-- the month is over: a read counts it, in a read-only transaction too, and writes nothing
select pg_sleep(2.6);
begin transaction read only;
select has();
commit;
select count(*) from ledger where reason = 'expiry';
\set VERBOSITY verbose
select payments.spend_credits('user', 'ada', 51, 'too much');
\set VERBOSITY default
select payments.spend_credits('user', 'ada', 20, 'second');
table ledger;
select payments.retry_fulfillments(), has(), count(*) filter (where reason = 'expiry') as lapses from ledger;
select folded(regexp_replace(regexp_replace(story, 'until .* UTC', 'until …'), '[0-9]{9,}', '…', 'g'), 90) as story
  from payments.explain('sub_a') where story like '%credits were given until%';
-- money that goes back takes from its own invoice's grants, whatever lapsed of them
update payments.payment_history set status = 'partially_refunded', amount_refunded = 750
 where stripe_invoice_id = 'in_1';
select has(), sum(delta) filter (where reason = 'expiry') as lapsed,
       sum(delta) filter (where reason = 'refund') as refunded
  from credit_ledger;
update payments.payment_history set status = 'refunded', amount_refunded = 1500 where stripe_invoice_id = 'in_2';
select has();
select split_part(item, ':', 2) as invoice, state, reason, granted, amount_reversed
  from payments.fulfillments order by 1;

-- a year in parts: what was due lapsed with each part, the next one comes with whoever looks
truncate credit_ledger, payments.credit_lots, payments.fulfillments, payments.credit_promises,
  payments.credit_holders;
delete from payments.payment_history;
call paid('in_y', line('il_y', 'price_year', date_trunc('day', now()) - interval '3 months',
                       date_trunc('day', now()) + interval '9 months'));
select delta, balance_after, reason from ledger;
select next_at > now() as later from payments.credit_schedules;
-- (as if nobody had looked since)
delete from credit_ledger;
delete from payments.credit_lots;
delete from payments.fulfillments;
update payments.credit_schedules set next_at = now() - interval '1 second';
begin transaction read only;
select has();
commit;
select count(*) from credit_ledger;
select payments.spend_credits('user', 'ada', 4, 'of a part');
select has(), count(*) from credit_ledger;
-- its subscription ends
insert into payments.subscriptions (environment, stripe_subscription_id, status, canceled_at)
values ('test', 'sub_a', 'canceled', now());
select count(*) from payments.credit_schedules;

-- who is named late gets it; who is named no longer has it no more
truncate credit_ledger, payments.credit_lots, payments.fulfillments, payments.credit_promises,
  payments.credit_holders;
delete from payments.payment_history;
delete from payments.subscriptions;
call paid('in_3', line('il_3', 'price_roll', now(), now() + interval '30 days'), subject => null);
select kind, item like 'credits:in_3:%' as of_line, state, reason from payments.review;
update payments.payment_history set subject_type = 'user', subject_id = 'ada';
select has();
update payments.payment_history set subject_id = 'eve';
select has(), payments.credit_balance('user', 'eve'), count(*) as holders from payments.credit_holders;
update payments.payment_history set subject_type = null, subject_id = null;
select has(), payments.credit_balance('user', 'eve');

-- more lines than are told wait, visibly, where none of the told ones gives too
delete from payments.payment_history;
truncate payments.fulfillments, payments.credit_promises;
call paid('in_5', line('il_6', 'price_other', now(), now() + interval '30 days'), has_more => true);
select kind, item, state from payments.review;
delete from payments.payment_history;
call paid('in_4', line('il_4', 'price_roll', now(), now() + interval '30 days'), has_more => true);
select kind, item, state, folded(reason, 50) as reason, folded(next_step, 40) as next_step from payments.review;
update payments.payment_history
   set invoice_lines = jsonb_build_object('lines', line('il_4', 'price_roll', now(), now() + interval '30 days')
         || line('il_5', 'price_roll', now(), now() + interval '30 days', '{"item": "si_b"}'));
select has(), count(*) as waiting from payments.review;

-- what was bought once may last for a time too
select payments.set_credit_benefit('test', 'price_pack', 7, lasts => '1 year');
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url, stripe_checkout_session_id)
values ('test', 'payment', 'user', 'bob', '[{"price": "price_pack", "quantity": 3}]', 'https://a.example',
        'https://a.example', 'cs_1');
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency, paid_at)
values ('test', 'one_time_payment', 'succeeded', 'cs_1', 900, 'usd', '2020-02-29 00:00+00');
select delta, reason, expires_at from credit_ledger where subject_id = 'bob' order by id;
select payments.credit_balance('user', 'bob');

-- a ledger that does not tell when something was spent
create table points (id bigint generated always as identity primary key, subject_type text, subject_id text,
                     delta bigint, balance_after bigint, reason text, source text unique);
select payments.attach('credit_ledger', 'points', '{"allow_superuser_owner": true}');
select payments.set_credit_benefit('test', 'price_late', 100, until_period_end => true);
call paid('in_6', line('il_6', 'price_late', now(), now() + interval '30 days'));
select target_table, state, reason from payments.fulfillments where item like 'credits:in_6:%' order by 1;
