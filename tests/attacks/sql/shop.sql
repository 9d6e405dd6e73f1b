-- An app as README sets it up, with what belongs to a victim. 'hidden' and 7654321 stand in nothing that a stranger should see.
grant create on schema public to project_admin;
select payments.set_webhook_secret('test', 'whsec_hidden');
set role project_admin;
select payments.create_app_tables();
insert into public.orders (user_id, environment, amount, currency) values ('victim', 'test', 7654321, 'usd');
reset role;
select payments.set_credit_benefit('test', 'price_c', 1);
do $$ begin perform payments.adjust_credits('user', 'victim', 7654321, 'gift', 'hidden'); end $$;
insert into payments.checkout_sessions (environment, mode, status, subject_type, subject_id, customer_email, line_items, success_url, cancel_url,
                                        stripe_checkout_session_id)
values ('test', 'payment', 'open', 'user', 'victim', 'hidden@victim.example', '[{"price": "price_c", "quantity": 1}]',
        'https://a.example', 'https://a.example', 'cs_hidden');

-- An event as Stripe would post it, signed with what is set.
create function public.deliver(id text, type text, object jsonb) returns text language sql set search_path = pg_catalog as $$
  select concat_ws(': ', a ->> 'status', a ->> 'error')
    from payments.sign_test_event(jsonb_build_object('id', 'evt_' || id, 'object', 'event', 'type', type, 'created', 1752000063,
                                                     'livemode', false, 'data', jsonb_build_object('object', object))) e,
         payments.receive_stripe_webhook('test', e.payload, e.signature) a
$$;
-- Sessions of record_error in attack.sh.
create table public.made (id uuid, done boolean not null default false);
-- A customer that Stripe made.
create function public.customer(id text) returns text language sql set search_path = pg_catalog as $$
  select public.deliver(id, 'customer.created', jsonb_build_object('id', 'cus_' || id, 'object', 'customer', 'email', 'hidden@victim.example'))
$$;
-- A checkout of one credit by ada, paid.
create function public.buy(id text, order_id text default null) returns text language plpgsql set search_path = pg_catalog as $$
begin
  insert into payments.checkout_sessions (environment, mode, status, subject_type, subject_id, line_items, success_url, cancel_url, metadata,
                                          stripe_checkout_session_id)
  values ('test', 'payment', 'open', 'user', 'ada', '[{"price": "price_c", "quantity": 1}]', 'https://a.example', 'https://a.example',
          jsonb_strip_nulls(jsonb_build_object('order_id', order_id)), 'cs_' || id);
  return public.deliver(id, 'checkout.session.completed', jsonb_build_object(
    'id', 'cs_' || id, 'object', 'checkout.session', 'mode', 'payment', 'status', 'complete', 'payment_status', 'paid',
    'amount_subtotal', 100, 'amount_total', 100, 'currency', 'usd', 'payment_intent', 'pi_' || id, 'customer', 'cus_' || id));
end
$$;
revoke execute on function public.deliver, public.customer, public.buy from public;
do $$ begin perform public.customer('hidden'); end $$;
