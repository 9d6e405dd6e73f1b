-- catalog_says: whether live is approved and what is known of some prices, in both environments (one JSON object). $1 price ids text[]
select pg_catalog.json_build_object(
         'live_approved', exists (
            select from payments.environments e where e.environment = 'live'::text and e.live_approved_at is not null),
         'prices', coalesce((
            select pg_catalog.json_agg(pg_catalog.json_build_object(
                     'price', p.stripe_price_id, 'environment', p.environment, 'active', p.active,
                     'recurring', coalesce(p.type = 'recurring'::text, p.recurring_interval is not null)))
              from payments.prices p
             where p.stripe_price_id = any ($1)),
           '[]'::json))::text
