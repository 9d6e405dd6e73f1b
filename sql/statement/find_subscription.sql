-- find_subscription: one subscription with its items and what it gave before. $1 environment, $2 Stripe's id text
select pg_catalog.json_build_object(
  'environment', $1::pg_catalog.text,
  'source', 'subscription:' operator(pg_catalog.||) $2,
  'refused', $1 operator(pg_catalog.=) 'test' and payments.effective_environment() operator(pg_catalog.=) 'live',
  'status', s.status,
  'subject_type', s.subject_type,
  'subject_id', s.subject_id,
  'starts_at', (extract(epoch from s.current_period_start) operator(pg_catalog.*) 1000000)::bigint,
  'ends_at', (extract(epoch from s.current_period_end) operator(pg_catalog.*) 1000000)::bigint,
  'items', (select pg_catalog.json_agg(pg_catalog.json_build_array(i.stripe_price_id, 1, i.stripe_product_id)
                                       order by i.stripe_subscription_item_id)
              from payments.subscription_items i
             where (i.environment operator(pg_catalog.=) $1) is true and i.stripe_subscription_id operator(pg_catalog.=) $2 and i.stripe_price_id is not null
               and s.id is not null),
  'prior', (select pg_catalog.json_agg(pg_catalog.json_build_object(
                     'kind', f.kind, 'target_table', f.target_table, 'item', f.item, 'benefit_source', f.benefit_source))
              from payments.fulfillments f
             where (f.environment operator(pg_catalog.=) $1) is true and f.source operator(pg_catalog.=) ('subscription:' operator(pg_catalog.||) $2)
               and f.kind operator(pg_catalog.=) any (array['user_entitlements', 'credit_ledger']))
)::pg_catalog.text
  from (select 1) one
  left join payments.subscriptions s on (s.environment operator(pg_catalog.=) $1) is true and s.stripe_subscription_id operator(pg_catalog.=) $2
