-- rows_of_object: the rows that a mirrored object gives, as they are stored. $1 environment text, $2 object_id text
select pg_catalog.json_build_object('relation', 'customers', 'key', m.stripe_customer_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at,synced_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.customers m where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_customer_id operator(pg_catalog.=) $2
union all
select pg_catalog.json_build_object('relation', 'products', 'key', m.stripe_product_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at,synced_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.products m where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_product_id operator(pg_catalog.=) $2
union all
select pg_catalog.json_build_object('relation', 'prices', 'key', m.stripe_price_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at,synced_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.prices m where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_price_id operator(pg_catalog.=) $2
union all
select pg_catalog.json_build_object('relation', 'subscriptions', 'key', m.stripe_subscription_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at,synced_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.subscriptions m where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_subscription_id operator(pg_catalog.=) $2
union all
select pg_catalog.json_build_object('relation', 'subscription_items', 'key', m.stripe_subscription_item_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.subscription_items m where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_subscription_id operator(pg_catalog.=) $2
union all
select pg_catalog.json_build_object('relation', 'active_entitlements', 'key', m.lookup_key,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.active_entitlements m where (m.environment operator(pg_catalog.=) $1) is true and pg_catalog.starts_with($2, 'entitlements:')
   and m.stripe_customer_id operator(pg_catalog.=) pg_catalog.substr($2, 14)
