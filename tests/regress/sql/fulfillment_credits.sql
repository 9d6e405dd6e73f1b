-- Credits: granted once for each payment and benefit, taken back as far as the money went back, spent never below zero.

set client_min_messages = warning;
select payments.create_app_tables();
select payments.set_credit_benefit('test', 'price_a', 7), payments.set_credit_benefit('test', 'prod_b', 5);
insert into payments.prices (environment, stripe_price_id, stripe_product_id)
values ('test', 'price_b', 'prod_b'), ('test', 'price_a', 'prod_b');
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url, stripe_checkout_session_id)
values ('10000000-0000-0000-0000-000000000001', 'test', 'payment', 'team', '7',
        '[{"price": "price_a", "quantity": 10}, {"price": "price_b", "quantity": 2}]', 'https://a.example',
        'https://a.example', 'cs_1');
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency, paid_at)
values ('test', 'one_time_payment', 'succeeded', 'cs_1', 1000, 'eur', '2026-01-01 00:00+00');
select subject_type, subject_id, delta, balance_after, reason, source from credit_ledger order by id;
-- told again, and in other words, it grants no more
update payments.payment_history set status = 'succeeded', description = 'again';
update payments.payment_history set stripe_payment_intent_id = 'pi_1';
select count(*) from credit_ledger;

-- a third of the money back takes the floor of a third; more of it only the difference; a failed refund gives back
update payments.payment_history set status = 'partially_refunded', amount_refunded = 333;
update payments.payment_history set status = 'partially_refunded', amount_refunded = 999;
update payments.payment_history set status = 'partially_refunded', amount_refunded = 333;
update payments.payment_history set status = 'succeeded', amount_refunded = 0;
update payments.payment_history set status = 'partially_refunded', amount_refunded = 333;
select delta, balance_after, reason, split_part(source, ':', 3) || ' ' || split_part(source, ':', 5)
       || split_part(source, ':', 6) as step from credit_ledger order by id;
-- a lost dispute takes the rest, a won one gives back
update payments.payment_history set dispute_status = 'lost';
select payments.credit_balance('team', '7');
update payments.payment_history set dispute_status = 'won';
select payments.credit_balance('team', '7');
select state, item, amount_due, granted, amount_reversed, reason from payments.fulfillments where kind = 'credit_ledger'
 order by item;

-- spending: never below zero, and a key spends once
select payments.spend_credits('team', '7', 50, 'gpu hour 1', 'a GPU for an hour');
select payments.spend_credits('team', '7', 50, 'gpu hour 1', 'a GPU for an hour');
select payments.spend_credits('team', '7', 49, 'gpu hour 1', 'a GPU for an hour');
select payments.spend_credits('team', '7', 5, 'gpu hour 2', 'a GPU for an hour');
select payments.spend_credits('team', '7', 0, 'gpu hour 3', 'nothing');
select payments.spend_credits('team', '7', -5, 'gpu hour 3', 'nothing');
select payments.spend_credits('team', '7', 1, '', 'nothing');
select payments.spend_credits('team', null, 1, 'k', 'nothing');
-- a refund may take a balance into debt
update payments.payment_history set status = 'refunded', amount_refunded = 1000;
select payments.credit_balance('team', '7');
select payments.spend_credits('team', '7', 1, 'gpu hour 4', 'a GPU for an hour');
select payments.adjust_credits('team', '7', 60, 'sorry', 'goodwill');
select delta, balance_after, reason, note from credit_ledger order by id desc limit 2;
select sum(delta) = (select balance_after from credit_ledger order by id desc limit 1) as they_agree from credit_ledger;

-- nobody to give them to
insert into payments.checkout_sessions (id, environment, mode, line_items, success_url, cancel_url,
                                        stripe_checkout_session_id)
values ('10000000-0000-0000-0000-000000000002', 'test', 'payment', '[{"price": "price_a", "quantity": 1}]',
        'https://a.example', 'https://a.example', 'cs_2');
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency, paid_at)
values ('test', 'one_time_payment', 'succeeded', 'cs_2', 1000, 'eur', '2026-01-01 00:00+00');
select kind, state, reason from payments.fulfillments where source like '%2' order by 1;

-- a benefit that is set later does not reach back; a person may let it
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url, stripe_checkout_session_id)
values ('10000000-0000-0000-0000-000000000003', 'test', 'payment', 'team', '8', '[{"price": "price_c", "quantity": 1}]',
        'https://a.example', 'https://a.example', 'cs_3');
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency, paid_at)
values ('test', 'one_time_payment', 'succeeded', 'cs_3', 1000, 'eur', '2026-01-01 00:00+00');
select payments.set_credit_benefit('test', 'price_c', 3);
update payments.payment_history set status = 'partially_refunded', amount_refunded = 1
 where stripe_checkout_session_id = 'cs_3';
select state, reason from payments.fulfillments where source like '%3' and kind = 'credit_ledger';
select payments.credit_balance('team', '8');
select payments.retry_fulfillments(reference => 'cs_3') >= 0 as tried;
select payments.credit_balance('team', '8');

-- two subjects whose names run together are two
select payments.adjust_credits('user', 'a', 5, 'b:c'), payments.adjust_credits('user', 'a:b', 7, 'c');
select payments.adjust_credits('user', 'a', 5, 'b:c'), payments.adjust_credits('user', 'a:b', 7, 'c');

-- a trigger of one's own with our function, beside ours: what it is told twice it does once
create trigger zz_again after insert or update on payments.payment_history for each row
  when (new.type = 'one_time_payment' and new.status in ('succeeded', 'partially_refunded', 'refunded'))
    execute function payments.project_credits();
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url, stripe_checkout_session_id)
values ('10000000-0000-0000-0000-000000000004', 'test', 'payment', 'team', '9',
        '[{"price": "price_a", "quantity": 10}]', 'https://a.example', 'https://a.example', 'cs_4');
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency, paid_at)
values ('test', 'one_time_payment', 'succeeded', 'cs_4', 1000, 'eur', '2026-01-01 00:00+00');
update payments.payment_history set status = 'partially_refunded', amount_refunded = 500
 where stripe_checkout_session_id = 'cs_4';
select delta, balance_after, reason from credit_ledger where subject_id = '9' order by id;
drop trigger zz_again on payments.payment_history;

-- one statement that pays for many subjects: what it locks of theirs is bounded, since the server's room for locks is
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url, stripe_checkout_session_id)
select md5('many ' || n)::uuid, 'test', 'payment', 'team', 'many ' || n, '[{"price": "price_a", "quantity": 1}]',
       'https://a.example', 'https://a.example', 'cs_many_' || n
  from generate_series(1, 3000) n;
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency)
select 'test', 'one_time_payment', 'pending', 'cs_many_' || n, 1000, 'eur' from generate_series(1, 3000) n;
begin;
update payments.payment_history set status = 'succeeded', paid_at = '2026-01-01 00:00+00' where status = 'pending';
select count(distinct (classid, objid, objsubid)) between 1 and 1524 as bounded from pg_locks
 where locktype = 'advisory' and pid = pg_backend_pid();
commit;
select count(*), sum(delta) from credit_ledger where subject_id like 'many %';
