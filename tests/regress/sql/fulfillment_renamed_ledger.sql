-- A ledger that is renamed and attached again keeps what lapses there, and whose it is.

set client_min_messages = warning;
set timezone = 'UTC';
select payments.create_app_tables();
select payments.set_credit_benefit('test', 'price_a', 100, until_period_end => true);
insert into payments.payment_history (environment, type, status, subject_type, subject_id, stripe_invoice_id,
    stripe_subscription_id, amount, amount_refunded, currency, paid_at, invoice_lines)
values ('test', 'subscription_invoice', 'succeeded', 'user', 'ada', 'in_1', 'sub_a', 1500, 0, 'usd', now(),
    jsonb_build_object('has_more', false, 'lines', jsonb_build_array(jsonb_build_object('id', 'il_1', 'item', 'si_a',
      'price', 'price_a', 'product', 'prod_a', 'start', extract(epoch from now() - interval '30 days')::bigint,
      'end', extract(epoch from now() + interval '2 seconds')::bigint, 'quantity', 1, 'amount', 1500))));
select payments.credit_balance('user', 'ada');
alter table public.credit_ledger rename to ledger;
select payments.attach('credit_ledger', 'public.ledger', '{"allow_superuser_owner": true}');
select distinct target_table from payments.credit_lots
 union all select distinct target_table from payments.credit_holders;
select payments.credit_balance('user', 'ada');
select pg_sleep(2.6);
select payments.credit_balance('user', 'ada');
-- Money that goes back finds the grant under the new name.
update payments.payment_history set status = 'refunded', amount_refunded = 1500 where stripe_invoice_id = 'in_1';
select payments.credit_balance('user', 'ada'), count(*) from payments.credit_lots;
select delta, reason, balance_after from public.ledger order by id;
