-- What the specs deliver. A spec's SQL cannot hold a closing brace, so the events stand here.

create function public.delivered(event text) returns text language sql as $$
  select format('%s, duplicate %s', a ->> 'status', a ->> 'duplicate')
    from payments.apply_stripe_event('test', event::jsonb) a
$$;

create function public.session_completed() returns text language sql as $$
  select '{"id": "evt_session", "object": "event", "type": "checkout.session.completed", "created": 1752000063,
    "livemode": false,
    "data": {"object": {"id": "cs_test_1", "object": "checkout.session", "mode": "payment", "status": "complete",
    "payment_status": "paid", "amount_total": 2000, "currency": "usd", "payment_intent": "pi_1", "livemode": false,
    "metadata": {"insforge_checkout_session_id": "00000000-0000-4000-8000-000000000001"}}}}'
$$;

create function public.session_completed_without_a_word() returns text language sql as $$
  select (public.session_completed()::jsonb #- '{data,object,metadata}')::text
$$;

create function public.refund_created() returns text language sql as $$
  select '{"id": "evt_refund", "object": "event", "type": "refund.created", "created": 1752005000, "livemode": false,
    "data": {"object": {"id": "re_1", "object": "refund", "amount": 500, "currency": "usd", "payment_intent": "pi_1",
    "status": "succeeded"}}}'
$$;

create function public.stripes_answer() returns jsonb language sql as $$
  select '{"id": "cs_test_1", "object": "checkout.session", "livemode": false, "status": "open",
    "payment_status": "unpaid", "url": "https://checkout.stripe.com/c/pay/cs_test_1"}'::jsonb
$$;

-- A shop whose order 1 is asked for by two sessions; each is paid by an event of its own.
create function public.shop() returns void language plpgsql as $$
begin
  perform payments.create_app_tables();
  insert into public.orders (id, user_id, amount, currency)
  values ('00000000-0000-4000-8000-0000000000aa', 'ada', 2000, 'usd');
  insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, created_by,
                                          line_items, success_url, cancel_url, metadata)
  select format('00000000-0000-4000-8000-00000000000%s', n)::uuid, 'test', 'payment', 'open', 'user', 'ada', 'ada',
         '[{"price": "price_book", "quantity": 1}]', 'https://a.example', 'https://a.example',
         '{"order_id": "00000000-0000-4000-8000-0000000000aa"}'
    from generate_series(1, 2) n;
end
$$;

create function public.session_paid(n int) returns text language sql as $$
  select jsonb_build_object('id', 'evt_paid_' || n, 'object', 'event', 'type', 'checkout.session.completed',
    'created', 1752000060 + n, 'livemode', false, 'data', jsonb_build_object('object', jsonb_build_object(
      'id', 'cs_test_paid_' || n, 'object', 'checkout.session', 'mode', 'payment', 'status', 'complete',
      'payment_status', 'paid', 'amount_subtotal', 2000, 'amount_total', 2000, 'currency', 'usd',
      'payment_intent', 'pi_paid_' || n, 'livemode', false, 'metadata', jsonb_build_object(
        'insforge_checkout_session_id', format('00000000-0000-4000-8000-00000000000%s', n)))))::text
$$;

-- A test subscription that gives a key, on its way while live is approved.
create function public.subscription_shop() returns void language plpgsql as $$
begin
  perform payments.create_app_tables();
  perform payments.set_entitlement_benefit('test', 'price_pro', 'pro');
  perform payments.set_webhook_secret('live', 'whsec_live');
  insert into payments.prices (environment, stripe_price_id, active) values ('live', 'price_live', true);
end
$$;

create function public.subscription_created() returns text language sql as $$
  select '{"id": "evt_sub", "object": "event", "type": "customer.subscription.created", "created": 1752000063,
    "livemode": false,
    "data": {"object": {"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active",
    "metadata": {"insforge_subject_type": "user", "insforge_subject_id": "ada"},
    "items": {"data": [{"id": "si_1", "quantity": 1, "current_period_end": 4000000000,
      "price": {"id": "price_pro", "product": "prod_pro"}}]}}}}'
$$;

-- What a sender delivers that collects events, and how each of them fared.
create function public.delivered_together(variadic events text[]) returns text language sql as $$
  select string_agg(format('%s, duplicate %s', a.answer ->> 'status', a.answer ->> 'duplicate'), '; ' order by a.place)
    from jsonb_array_elements(payments.receive_stripe_webhooks('test', events, array(
           select format('t=%s,v1=%s', t, encode(public.hmac(convert_to(t || '.' || body, 'UTF8'), 'whsec_test',
                                                             'sha256'), 'hex'))
             from unnest(events) with ordinality as e (body, place),
                  (select extract(epoch from now())::bigint as t) as clock
            order by place))) with ordinality as a (answer, place)
$$;

create function public.replayed() returns text language sql as $$
  select payments.replay_events('test', '{evt_session,evt_refund}') ->> 'processed'
$$;

-- A subscription that a session of ours began, its first invoice, a refund of that, and a switch to another plan.
create function public.of_subscription(type text, object text, created int) returns text language sql as $$
  select public.delivered(jsonb_build_object('id', 'evt_' || type, 'object', 'event', 'type', type,
    'created', 1752000000 + created, 'livemode', false, 'data', jsonb_build_object('object', object::jsonb))::text)
$$;

create function public.subscription_with(price text) returns text language sql as $$
  select format('{"id": "sub_1", "object": "subscription", "status": "active", "customer": "cus_1", "livemode": false,
    "metadata": {}, "items": {"object": "list", "has_more": false, "data": [{"id": "si_1", "quantity": 1,
    "subscription": "sub_1", "price": {"id": "%s", "object": "price", "product": "prod_1"}}]}}', price)
$$;

create function public.refund_of_subscription() returns text language sql as $$
  select '{"id": "re_1", "object": "refund", "amount": 500, "currency": "usd", "payment_intent": "pi_1",
    "status": "succeeded"}'
$$;

create function public.begin_subscription() returns void language plpgsql as $$
begin
  insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, created_by,
                                          line_items, success_url, cancel_url, stripe_checkout_session_id)
  values ('00000000-0000-4000-8000-000000000001', 'test', 'subscription', 'open', 'user', 'ada', 'ada',
          '[{"price": "price_pro", "quantity": 1}]', 'https://a.example', 'https://a.example', 'cs_1');
  perform public.of_subscription('customer.subscription.created', public.subscription_with('price_pro'), 1);
  perform public.of_subscription('invoice.paid', '{"id": "in_1", "object": "invoice", "status": "paid",
    "customer": "cus_1", "subscription": "sub_1", "payment_intent": "pi_1", "amount_paid": 2000, "amount_due": 2000,
    "currency": "usd", "livemode": false, "lines": {"object": "list", "has_more": false, "data": []}}', 2);
  perform public.of_subscription('checkout.session.completed', '{"id": "cs_1", "object": "checkout.session",
    "mode": "subscription", "status": "complete", "payment_status": "paid", "subscription": "sub_1",
    "invoice": "in_1", "customer": "cus_1", "amount_total": 2000, "currency": "usd", "livemode": false,
    "metadata": {}}', 3);
end
$$;

-- A subscription with a discount, of which it says no more than the coupon; and that coupon.
create function public.subscription_with_coupon() returns text language sql as $$
  select '{"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active", "currency": "usd",
    "discounts": [{"id": "di_1", "source": {"type": "coupon", "coupon": "HALF"}}], "items": {"data": [{"id": "si_1",
    "quantity": 1, "price": {"id": "price_1", "currency": "usd", "unit_amount": 2000,
    "recurring": {"interval": "month", "interval_count": 1}}}]}}'
$$;

create function public.coupon() returns text language sql as $$
  select '{"id": "HALF", "object": "coupon", "duration": "forever", "percent_off": 50}'
$$;
