-- anchors_of_subscription: the groups that a subscription has facts in (JSON strings). $1 environment text, $2 stripe_subscription_id text
select distinct pg_catalog.to_json(f.anchor)::text
  from payments.facts f
 where f.environment is not distinct from $1 and f.stripe_subscription_id = $2 and f.anchor is not null
