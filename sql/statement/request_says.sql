-- request_says: what is known beforehand of a request (one JSON object): whether a row holds its idempotency key, plain or set aside, and its prices in both environments. $1 price ids text[], $2 environment text, $3 key, or null, $4 key set aside text
select pg_catalog.json_build_object(
         'key_is_known',
            exists (select from payments.checkout_sessions s where s.environment is not distinct from $2 and s.idempotency_key = $3)
            or exists (select from payments.checkout_sessions s where s.environment is not distinct from $2 and s.idempotency_key = $4),
         'prices', coalesce((
            select pg_catalog.json_agg(pg_catalog.json_build_object(
                     'price', p.stripe_price_id, 'environment', p.environment, 'active', p.active,
                     'recurring', coalesce(p.type = 'recurring'::text, p.recurring_interval is not null)))
              from payments.prices p
             where p.stripe_price_id = any ($1)),
           '[]'::json))::text
