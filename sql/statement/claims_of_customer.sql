-- claims_of_customer: what completed sessions say of a customer (JSON objects). $1 environment text, $2 stripe_customer_id text
select pg_catalog.row_to_json(c.*)::text
  from payments.mapping_claims c
 where c.environment is not distinct from $1 and c.stripe_customer_id = $2
 order by c.stripe_checkout_session_id
