-- group_ids_of_customer: the groups that a customer has facts in (JSON strings). $1 environment text, $2 stripe_customer_id text
select distinct pg_catalog.to_json(f.group_id)::pg_catalog.text
  from payments.facts f
 where (f.environment operator(pg_catalog.=) $1) is true and f.stripe_customer_id operator(pg_catalog.=) $2 and f.group_id is not null
