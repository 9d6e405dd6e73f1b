-- What the specs deliver. A spec's SQL cannot hold a closing brace, so the events stand here.

create function public.delivered(event text) returns text language sql as $$
  select format('%s, duplicate %s', a ->> 'status', a ->> 'duplicate') from payments.apply_stripe_event('test', event::jsonb) a
$$;

create function public.session_completed() returns text language sql as $$
  select '{"id": "evt_session", "object": "event", "type": "checkout.session.completed", "created": 1752000063, "livemode": false,
    "data": {"object": {"id": "cs_test_1", "object": "checkout.session", "mode": "payment", "status": "complete",
    "payment_status": "paid", "amount_total": 2000, "currency": "usd", "payment_intent": "pi_1", "livemode": false,
    "client_reference_id": "00000000-0000-4000-8000-000000000001"}}}'
$$;

create function public.refund_created() returns text language sql as $$
  select '{"id": "evt_refund", "object": "event", "type": "refund.created", "created": 1752005000, "livemode": false,
    "data": {"object": {"id": "re_1", "object": "refund", "amount": 500, "currency": "usd", "payment_intent": "pi_1",
    "status": "succeeded"}}}'
$$;

create function public.stripes_answer() returns jsonb language sql as $$
  select '{"id": "cs_test_1", "object": "checkout.session", "livemode": false, "status": "open", "payment_status": "unpaid",
    "url": "https://checkout.stripe.com/c/pay/cs_test_1"}'::jsonb
$$;
