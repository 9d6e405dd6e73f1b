-- The orders that the stream's payments pay, made before they are: for ours an order with its line items and the local checkout
-- session that the buyer opened for exactly these. Its id is the session's, which Stripe tells as client_reference_id.

-- The id that bench/peers/stream.mjs gives the n-th payment.
create function bench.order_id(n int) returns uuid language sql immutable as $$
  select (lpad(to_hex(n), 8, '0') || '-0000-4608-a940-4bbe0d2abd26')::uuid
$$;

create function bench.make_orders(first int, last int) returns void language plpgsql as $$
begin
  insert into public.orders (id, user_id, amount, currency, line_items)
  select bench.order_id(n), 'u_' || n, 2000, 'usd', '[{"price": "price_1RoracleOneTime", "quantity": 1}]'
    from generate_series(first, last) n;
  -- A session is made by the app with its own rights; its guards are no part of what an event costs.
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
