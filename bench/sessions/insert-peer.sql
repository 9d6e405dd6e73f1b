-- One session, inserted as an existing backend does it, under the caller's role.
\set team random(1, 2000)
\set price random(1, 200)
begin;
set local role authenticated;
select set_config('request.jwt.claims', '{"sub": "user' || (:team % 2000 * 5) || '", "role": "authenticated"}', true);
insert into peer.checkout_sessions (id, environment, mode, status, subject_type, subject_id, customer_email, line_items,
                                       success_url, cancel_url, idempotency_key, metadata)
values (gen_random_uuid(), 'test', 'payment', 'initialized', 'team', md5('team' || :team)::uuid::text, 'buyer@example.com',
        ('[{"stripePriceId": "price_' || :price || '", "quantity": 1}]')::jsonb,
        'https://app.example.com/paid', 'https://app.example.com/cart', gen_random_uuid()::text, '{"order_id": "7"}')
on conflict (environment, idempotency_key) where idempotency_key is not null do nothing;
commit;
