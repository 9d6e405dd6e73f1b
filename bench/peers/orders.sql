-- The orders that the payments of the stream pay, created in advance. For payments, each is an order with its line items, and
-- the local session that the buyer opened for exactly these. The order's id is that of the session, Stripe's
-- client_reference_id.

-- The catalog, as every shop has it that keeps its prices at Stripe.
select payments.sync_stripe_objects('test', '[
  {"id": "prod_oracle", "object": "product", "active": true, "created": 1700000000, "livemode": false, "metadata": {},
   "name": "An hour with the oracle", "updated": 1700000000},
  {"id": "price_1RoracleOneTime", "object": "price", "active": true, "billing_scheme": "per_unit", "created": 1700000000,
   "currency": "usd", "livemode": false, "metadata": {}, "product": "prod_oracle", "type": "one_time", "unit_amount": 2000,
   "unit_amount_decimal": "2000"}]');

-- The id that bench/peers/stream.mjs gives to the n-th payment.
create function bench.order_id(n int) returns uuid language sql immutable as $$
  select (lpad(to_hex(n), 8, '0') || '-0000-4608-a940-4bbe0d2abd26')::uuid
$$;

create function bench.make_orders(first int, last int) returns void language plpgsql as $$
begin
  insert into public.orders (id, user_id, amount, currency, line_items)
  select bench.order_id(n), 'u_' || n, 2000, 'usd', '[{"price": "price_1RoracleOneTime", "quantity": 1}]'
    from generate_series(first, last) n;
  -- The app creates a session with its own rights, and the guards are no part of the cost of an event, so no trigger
  -- fires here.
  perform set_config('session_replication_role', 'replica', true);
  insert into payments.checkout_sessions
    (id, environment, mode, status, payment_status, subject_type, subject_id, created_by, line_items, success_url, cancel_url,
     metadata, stripe_checkout_session_id)
  select bench.order_id(n), 'test', 'payment', 'open', 'unpaid', 'user', 'u_' || n, 'u_' || n,
         '[{"stripePriceId": "price_1RoracleOneTime", "quantity": 1}]',
         'https://app.example.com/success', 'https://app.example.com/cancel',
         jsonb_build_object('order_id', bench.order_id(n)),
         'cs_test_a1iNKtp3AzKnLgzZ3SUHZT09UYyGR1yYXx0sZewejeqKw1xZ7KodqKSXhU' || n
    from generate_series(first, last) n;
  perform set_config('session_replication_role', 'origin', true);
end
$$;
