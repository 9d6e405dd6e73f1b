-- What a customer's own billing page reads: invoices and payment methods by the right to bill, subscriptions by use.
set client_min_messages = warning;
create table public.team_members (team_id text, user_id text, role text);
insert into public.team_members values ('t1', 'ada', 'owner'), ('t1', 'ada', 'founder'), ('t1', 'bob', 'member'),
                                       ('t2', 'eve', 'owner');
create role app_owner;
alter table public.team_members owner to app_owner;
select payments.protect_subject_type('team', 'public.team_members', 'team_id', 'user_id', 'role',
                                     array['owner', 'founder'], array['member']);
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'team', 't1', 'cus_1'), ('test', 'team', 't2', 'cus_2'), ('test', 'user', 'ada', 'cus_ada');
create procedure said(type text, at integer, object jsonb, previous jsonb default null) language plpgsql as $$
declare
  answer jsonb;
begin
  answer := payments.apply_stripe_event('test', jsonb_build_object(
    'id', format('evt_%s_%s_%s', type, at, object ->> 'id'), 'object', 'event', 'type', type, 'livemode', false,
    'created', 1752000000 + at,
    'data', jsonb_build_object('object', object, 'previous_attributes', coalesce(previous, '{}'))));
  if answer ->> 'status' <> 'processed' then raise exception '%', answer; end if;
end $$;
create function invoice(id text, customer text, status text, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'object', 'invoice', 'customer', customer, 'status', status, 'currency', 'usd',
           'amount_due', 2000, 'amount_paid', case status when 'paid' then 2000 else 0 end,
           'amount_remaining', case status when 'paid' then 0 else 2000 end, 'created', 1752000000,
           'period_start', 1752000000, 'period_end', 1754600000, 'metadata', '{}'::jsonb)
         || case status when 'draft' then '{}' else jsonb_build_object(
              'number', 'A-' || id, 'hosted_invoice_url', 'https://invoice.stripe.com/i/' || id,
              'invoice_pdf', 'https://pay.stripe.com/invoice/' || id || '/pdf',
              'status_transitions', '{"finalized_at": 1752000100}'::jsonb) end || more $$;
create function card(id text, customer text, last4 text, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'object', 'payment_method', 'type', 'card', 'customer', customer, 'card',
           jsonb_build_object('brand', 'visa', 'last4', last4, 'exp_month', 8, 'exp_year', 2031)) || more $$;
create view rows_of_invoices as
  select stripe_invoice_id as id, number, status, subject_id as subject, stripe_subscription_id as subscription,
         amount_due as due, amount_paid as paid, amount_remaining as open, period_end at time zone 'UTC' as period_end,
         hosted_invoice_url is not null as url, raw
    from payments.invoices order by stripe_invoice_id;
create view rows_of_methods as
  select stripe_payment_method_id as id, stripe_customer_id as customer, type, brand, last4, exp_month, exp_year,
         is_default, detached_at at time zone 'UTC' as detached_at
    from payments.payment_methods order by stripe_payment_method_id;

-- A draft, then what it becomes. An older event that comes late changes nothing.
call said('invoice.created', 1, invoice('in_1', 'cus_1', 'draft'));
table rows_of_invoices;
call said('invoice.paid', 120, invoice('in_1', 'cus_1', 'paid'));
call said('invoice.finalized', 100, invoice('in_1', 'cus_1', 'open'));
table rows_of_invoices;
select type, status, amount from payments.payment_history;

-- A draft that is deleted has no row, whatever comes late.
call said('invoice.created', 2, invoice('in_2', 'cus_1', 'draft'));
call said('invoice.deleted', 3, invoice('in_2', 'cus_1', 'draft'));
call said('invoice.updated', 2, invoice('in_2', 'cus_1', 'draft'));
-- One that failed, was due by a day, and was written off; one that was voided.
call said('invoice.finalized', 100, invoice('in_3', 'cus_1', 'open', '{"due_date": 1754000000}'));
call said('invoice.overdue', 2000001, invoice('in_3', 'cus_1', 'open', '{"due_date": 1754000000}'));
call said('invoice.marked_uncollectible', 2000002,
          invoice('in_3', 'cus_1', 'uncollectible', '{"due_date": 1754000000}'));
call said('invoice.voided', 200, invoice('in_4', 'cus_2', 'void', '{"due_date": 1784000000}'));
-- One of a subscription, by the names of before and of since 2025-03-31.
call said('invoice.paid', 120, invoice('in_5', 'cus_2', 'paid', '{"subscription": "sub_2"}'));
call said('invoice.paid', 121, invoice('in_6', 'cus_2', 'paid',
                                       '{"parent": {"subscription_details": {"subscription": "sub_2"}}}'));
select id, status, subject, subscription from rows_of_invoices;
-- A hosted page lasts 30 days after the due date, else after the invoice was finalized; at most 120 days. What the API
-- has just returned lasts 10 days at least.
select stripe_invoice_id, hosted_invoice_url_expires_at at time zone 'UTC' as expires,
       hosted_invoice_url_expires_at - to_timestamp(1752000100) as after_finalization
  from payments.invoices where stripe_invoice_id in ('in_1', 'in_3', 'in_4') order by 1;
select (payments.sync_stripe_objects('test', invoice('in_1', 'cus_1', 'paid'))) ->> 'synced' as synced;
select hosted_invoice_url_expires_at > now() + interval '9 days' as fresh from payments.invoices
 where stripe_invoice_id = 'in_1';

-- Whose an invoice is, a mapping may say later; its payment and it go together.
call said('invoice.paid', 120, invoice('in_7', 'cus_late', 'paid'));
call said('invoice.created', 120, invoice('in_8', 'cus_late', 'draft'));
select id, subject from rows_of_invoices where id in ('in_7', 'in_8');
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'team', 't3', 'cus_late');
select id, subject from rows_of_invoices where id in ('in_7', 'in_8');
select subject_id from payments.payment_history where stripe_invoice_id = 'in_7';

-- Payment methods. The default is what the customer's settings or a living subscription name, in any order.
call said('customer.updated', 10, '{"id": "cus_1", "object": "customer",
                                    "invoice_settings": {"default_payment_method": "pm_1"}}');
call said('payment_method.attached', 20, card('pm_1', 'cus_1', '4242'));
call said('payment_method.attached', 21, card('pm_2', 'cus_1', '1881'));
call said('payment_method.attached', 22, '{"id": "pm_3", "object": "payment_method", "type": "us_bank_account",
  "customer": "cus_2", "us_bank_account": {"bank_name": "STRIPE TEST BANK", "last4": "6789"}}');
call said('payment_method.attached', 23, '{"id": "pm_4", "object": "payment_method", "type": "link",
  "customer": "cus_1", "link": {"email": "ada@example.com"}}');
table rows_of_methods;
call said('customer.updated', 30, '{"id": "cus_1", "object": "customer",
                                    "invoice_settings": {"default_payment_method": {"id": "pm_4"}}}');
call said('customer.subscription.created', 31, '{"id": "sub_1", "object": "subscription", "customer": "cus_1",
  "status": "active", "default_payment_method": "pm_2", "cancel_at": 1790000000, "items": {"data": [
  {"id": "si_1", "quantity": 3, "current_period_start": 1752000000, "current_period_end": 32503680000,
   "price": {"id": "price_1", "product": "prod_1"}}]}}');
select id, is_default from rows_of_methods where is_default;
-- A renewed card, one that is taken away (its owner stands in what it was before), and a subscription that ends.
call said('payment_method.automatically_updated', 40, card('pm_2', 'cus_1', '1882', '{"metadata": {}}'));
call said('payment_method.detached', 41, card('pm_1', null, '4242'), '{"customer": "cus_1"}');
call said('payment_method.updated', 42, card('pm_1', 'cus_1', '4242'));
table rows_of_methods;
call said('customer.subscription.created', 43, '{"id": "sub_0", "object": "subscription", "customer": "cus_1",
  "status": "canceled", "default_payment_method": "pm_1", "items": {"data": []}}');
select id, is_default from rows_of_methods;
-- A customer that is deleted has no default.
call said('customer.created', 50, '{"id": "cus_3", "object": "customer",
                                    "invoice_settings": {"default_payment_method": "pm_5"}}');
call said('payment_method.attached', 51, card('pm_5', 'cus_3', '0005'));
select is_default from rows_of_methods where id = 'pm_5';
call said('customer.deleted', 52, '{"id": "cus_3", "object": "customer", "deleted": true}');
select is_default from rows_of_methods where id = 'pm_5';
select * from payments.verify_projections('test');

-- A draft is not shown.
call said('invoice.created', 140, invoice('in_9', 'cus_1', 'draft'));

-- The page. Ada bills for t1, bob is a member, eve bills for another team, zoe is a stranger.
insert into payments.products (environment, stripe_product_id, name) values ('test', 'prod_1', 'Pro');
insert into payments.prices (environment, stripe_price_id, stripe_product_id, currency, unit_amount, recurring_interval)
values ('test', 'price_1', 'prod_1', 'usd', 2000, 'month');
create function page() returns table (of text, seen text) language sql as $$
  select 'invoice', concat_ws(' ', stripe_invoice_id, status, subject_id, amount_due, hosted_invoice_url,
                              invoice_pdf)
    from payments.my_invoices
  union all
  select 'method', concat_ws(' ', stripe_payment_method_id, subject_id, type, brand, last4, exp_month, exp_year,
                             is_default)
    from payments.my_payment_methods
  union all
  select 'subscription', concat_ws(' ', stripe_subscription_id, subject_id, status, plan_name, quantity,
           extract(epoch from cancel_at), extract(epoch from access_until), may_bill, unit_amount, currency,
           recurring_interval)
    from payments.my_subscriptions
   order by 1, 2 $$;
create procedure look_as(who text, as_ name default 'authenticated') language plpgsql as $$
begin
  perform set_config('request.jwt.claims', json_build_object('sub', who, 'role', as_)::text, true);
  execute format('set local role %I', as_);
end $$;
begin; call look_as('ada'); select * from page(); commit;
begin; call look_as('bob'); select * from page(); commit;
begin; call look_as('eve'); select * from page(); commit;
begin; call look_as('zoe'); select * from page();
select payments.caller_access_until('test', 'sub_1'); commit;
begin; call look_as('ada', 'anon'); select * from payments.my_invoices; commit;
-- Nobody writes through a view, and a grant of everything gives a guest nothing.
grant all on all tables in schema payments to anon, authenticated;
begin; call look_as('ada', 'anon');
select (select count(*) from payments.my_invoices) as invoices,
       (select count(*) from payments.my_payment_methods) as payment_methods,
       (select count(stripe_subscription_id) from payments.my_subscriptions) as subscriptions; commit;
begin; call look_as('ada'); delete from payments.my_invoices; commit;
begin; call look_as('ada'); update payments.my_payment_methods set is_default = true; commit;
begin; call look_as('eve'); select count(*) from payments.invoices; commit;
-- Once live was approved, it shows live alone.
update payments.environments set went_live_at = now() where environment = 'live';
begin; call look_as('ada'); select * from page(); commit;
