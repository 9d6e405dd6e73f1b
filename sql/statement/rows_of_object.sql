-- rows_of_object: the rows that a mirrored object gives, as they are stored. $1 environment text, $2 object_id text
select pg_catalog.json_build_object('relation'::text, 'customers'::text, 'key'::text, m.stripe_customer_id,
         'row'::text, pg_catalog.to_jsonb(m.*) - '{id,created_at,updated_at,synced_at}'::text[])::text
  from payments.customers m where m.environment is not distinct from $1 and m.stripe_customer_id = $2
union all
select pg_catalog.json_build_object('relation'::text, 'products'::text, 'key'::text, m.stripe_product_id,
         'row'::text, pg_catalog.to_jsonb(m.*) - '{id,created_at,updated_at,synced_at}'::text[])::text
  from payments.products m where m.environment is not distinct from $1 and m.stripe_product_id = $2
union all
select pg_catalog.json_build_object('relation'::text, 'prices'::text, 'key'::text, m.stripe_price_id,
         'row'::text, pg_catalog.to_jsonb(m.*) - '{id,created_at,updated_at,synced_at}'::text[])::text
  from payments.prices m where m.environment is not distinct from $1 and m.stripe_price_id = $2
union all
select pg_catalog.json_build_object('relation'::text, 'subscriptions'::text, 'key'::text, m.stripe_subscription_id,
         'row'::text, pg_catalog.to_jsonb(m.*) - '{id,created_at,updated_at,synced_at}'::text[])::text
  from payments.subscriptions m where m.environment is not distinct from $1 and m.stripe_subscription_id = $2
union all
select pg_catalog.json_build_object('relation'::text, 'subscription_items'::text, 'key'::text, m.stripe_subscription_item_id,
         'row'::text, pg_catalog.to_jsonb(m.*) - '{id,created_at,updated_at}'::text[])::text
  from payments.subscription_items m where m.environment is not distinct from $1 and m.stripe_subscription_id = $2
union all
select pg_catalog.json_build_object('relation'::text, 'active_entitlements'::text, 'key'::text, m.lookup_key,
         'row'::text, pg_catalog.to_jsonb(m.*) - '{id,created_at,updated_at}'::text[])::text
  from payments.active_entitlements m where m.environment is not distinct from $1 and pg_catalog.starts_with($2, 'entitlements:'::text)
   and m.stripe_customer_id = pg_catalog.substr($2, 14)
