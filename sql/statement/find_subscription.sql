-- find_subscription: one subscription with its items and what it gave before. $1 environment, $2 Stripe's id text
select pg_catalog.json_build_object(
  'environment', $1::text,
  'source', 'subscription:'::text || $2,
  'refused', $1 = 'test'::text and payments.counted_environment() = 'live'::text,
  'status', s.status,
  'subject_type', s.subject_type,
  'subject_id', s.subject_id,
  'starts_at', (extract(epoch from s.current_period_start) * 1000000)::bigint,
  'ends_at', (extract(epoch from s.current_period_end) * 1000000)::bigint,
  'items', (select pg_catalog.json_agg(pg_catalog.json_build_array(i.stripe_price_id, 1, i.stripe_product_id)
                                       order by i.stripe_subscription_item_id)
              from payments.subscription_items i
             where i.environment is not distinct from $1 and i.stripe_subscription_id = $2 and i.stripe_price_id is not null
               and s.id is not null),
  'given', (select pg_catalog.json_agg(pg_catalog.json_build_object(
                     'kind', f.kind, 'target', f.target, 'what', f.what, 'via', f.via))
              from payments.fulfillments f
             where f.environment is not distinct from $1 and f.source = 'subscription:'::text || $2 and f.kind in ('user_entitlements'::text, 'credit_ledger'::text))
)::text
  from (select 1) one
  left join payments.subscriptions s on s.environment is not distinct from $1 and s.stripe_subscription_id = $2
