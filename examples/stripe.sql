-- A stand-in for Stripe, for demos: it responds to a request, and posts the events that Stripe would send, signed with
-- the test secret.

create schema stripe;

-- Stripe's response to the request that payments.stripe_request describes.
create function stripe.answers(request jsonb) returns jsonb language sql as $$
  select jsonb_build_object('id', 'cs_test_' || left(request #>> '{params,client_reference_id}', 8), 'object', 'checkout.session',
    'url', 'https://checkout.stripe.com/c/pay/cs_test_' || left(request #>> '{params,client_reference_id}', 8),
    'status', 'open', 'payment_status', 'unpaid', 'livemode', false, 'mode', request #>> '{params,mode}', 'metadata', request #> '{params,metadata}')
$$;

create sequence stripe.event_number;

-- Posts an event, as Stripe does: the body and its signature.
create function stripe.posts(type text, object jsonb, created int, previous jsonb default null, id text default null) returns text
language plpgsql as $$
declare
  event record;
  answer jsonb;
begin
  select * into event from payments.sign_test_event(jsonb_strip_nulls(jsonb_build_object(
    'id', coalesce(id, 'evt_' || nextval('stripe.event_number')), 'object', 'event', 'api_version', '2025-06-30.basil',
    'created', 1752000000 + created, 'type', type, 'livemode', false,
    'data', jsonb_build_object('object', object, 'previous_attributes', previous))));
  answer := payments.receive_stripe_webhook('test', event.payload, event.signature);
  return format('%-42s %s%s', type, answer ->> 'status', case when (answer ->> 'duplicate')::boolean then ' (a duplicate)' else '' end);
end
$$;

-- The objects, with no more than the demo needs.
create function stripe.session(s payments.checkout_sessions, total bigint, customer text, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', s.stripe_checkout_session_id, 'object', 'checkout.session', 'mode', s.mode, 'status', 'complete',
    'payment_status', 'paid', 'amount_subtotal', total, 'amount_total', total, 'currency', 'usd', 'customer', customer,
    'client_reference_id', s.id, 'metadata', s.metadata, 'created', 1752000000,
    'customer_details', jsonb_build_object('email', coalesce(s.customer_email, s.subject_id || '@example.com')))
    || case when s.mode = 'payment' then jsonb_build_object('payment_intent', 'pi_' || left(s.id::text, 8)) else '{}' end || more
$$;

create function stripe.intent(s payments.checkout_sessions, total bigint, customer text) returns jsonb language sql as $$
  select jsonb_build_object('id', 'pi_' || left(s.id::text, 8), 'object', 'payment_intent', 'status', 'succeeded', 'amount', total,
    'amount_received', total, 'currency', 'usd', 'customer', customer, 'latest_charge', 'ch_' || left(s.id::text, 8),
    'metadata', s.request #> '{params,payment_intent_data,metadata}', 'created', 1752000010)
$$;

create function stripe.charge(s payments.checkout_sessions, total bigint, refunded bigint default 0) returns jsonb language sql as $$
  select jsonb_build_object('id', 'ch_' || left(s.id::text, 8), 'object', 'charge', 'status', 'succeeded', 'paid', true, 'captured', true,
    'amount', total, 'amount_captured', total, 'amount_refunded', refunded, 'refunded', refunded = total, 'currency', 'usd',
    'payment_intent', 'pi_' || left(s.id::text, 8), 'metadata', '{}'::jsonb, 'created', 1752000011)
$$;

create function stripe.refund(s payments.checkout_sessions, id text, amount bigint) returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'object', 'refund', 'status', 'succeeded', 'amount', amount, 'currency', 'usd',
    'charge', 'ch_' || left(s.id::text, 8), 'payment_intent', 'pi_' || left(s.id::text, 8), 'created', 1752005000)
$$;

create function stripe.dispute(s payments.checkout_sessions, status text, amount bigint) returns jsonb language sql as $$
  select jsonb_build_object('id', 'dp_' || left(s.id::text, 8), 'object', 'dispute', 'status', status, 'amount', amount, 'currency', 'usd',
    'reason', 'fraudulent', 'charge', 'ch_' || left(s.id::text, 8), 'payment_intent', 'pi_' || left(s.id::text, 8), 'created', 1752006000)
$$;

create function stripe.subscription(id text, status text, price text, customer text, days int, metadata jsonb, canceled int default null)
returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'object', 'subscription', 'status', status, 'customer', customer, 'created', 1752000060,
    'cancel_at_period_end', false, 'canceled_at', 1752000000 + canceled, 'metadata', metadata, 'latest_invoice', 'in_' || id,
    'items', jsonb_build_object('object', 'list', 'has_more', false, 'data', jsonb_build_array(jsonb_build_object(
      'id', 'si_' || id, 'object', 'subscription_item', 'quantity', 1, 'price', jsonb_build_object('id', price, 'object', 'price', 'product', 'prod_team'),
      'current_period_start', extract(epoch from now())::bigint, 'current_period_end', extract(epoch from now())::bigint + days * 86400))))
$$;

create function stripe.price(id text, product text, amount bigint, recurring boolean default false) returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'object', 'price', 'product', product, 'active', true, 'currency', 'usd', 'unit_amount', amount,
    'type', case when recurring then 'recurring' else 'one_time' end, 'billing_scheme', 'per_unit', 'metadata', '{}'::jsonb,
    'recurring', case when recurring then '{"interval": "month", "interval_count": 1}'::jsonb end, 'livemode', false)
$$;

-- A monthly invoice. `month` counts from the present one, which began yesterday: -1 is last month's.
create function stripe.invoice(id text, subscription text, customer text, price text, amount bigint, month int default 0)
returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'object', 'invoice', 'status', 'paid', 'amount_due', amount, 'amount_paid', amount, 'total', amount,
    'currency', 'usd', 'customer', customer, 'created', 1752000060, 'status_transitions', jsonb_build_object('paid_at', 1752000061),
    'parent', jsonb_build_object('type', 'subscription_details', 'subscription_details', jsonb_build_object('subscription', subscription, 'metadata', '{}'::jsonb)),
    'lines', jsonb_build_object('object', 'list', 'has_more', false, 'data', jsonb_build_array(jsonb_build_object('id', 'il_' || id,
      'object', 'line_item', 'amount', amount, 'currency', 'usd', 'quantity', 1,
      'parent', jsonb_build_object('type', 'subscription_item_details', 'subscription_item_details', jsonb_build_object(
        'subscription', subscription, 'subscription_item', 'si_' || subscription, 'proration', false)),
      'period', jsonb_build_object('start', extract(epoch from now() - interval '1 day' + month * interval '30 days')::bigint,
                                   'end', extract(epoch from now() - interval '1 day' + (month + 1) * interval '30 days')::bigint),
      'pricing', jsonb_build_object('price_details', jsonb_build_object('price', price))))))
$$;
