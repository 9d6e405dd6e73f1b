-- find_sessions_of_order: the local one-time sessions that name an order; a person asks, so all of them are read. $1 environment or null, $2 order id text
select pg_catalog.json_build_object('environment', s.environment, 'id', s.id)::text
  from payments.checkout_sessions s
 where s.metadata ->> 'order_id'::text = $2
   and s.mode = 'payment'::text
   and ($1 is null or s.environment is not distinct from $1)
 order by s.id
