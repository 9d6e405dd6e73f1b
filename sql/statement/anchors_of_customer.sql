-- anchors_of_customer: the groups that a customer has facts in (JSON strings). $1 environment text, $2 stripe_customer_id text
select distinct pg_catalog.to_json(f.anchor)::text
  from payments.facts f
 where f.environment is not distinct from $1 and f.stripe_customer_id = $2 and f.anchor is not null
