-- claims_of_customer: what completed sessions say of a customer (JSON objects). $1 environment text, $2 stripe_customer_id text
select pg_catalog.row_to_json(c.*)::pg_catalog.text
  from payments.mapping_claims c
 where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_customer_id operator(pg_catalog.=) $2
 order by c.stripe_checkout_session_id
