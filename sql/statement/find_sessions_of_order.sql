-- find_sessions_of_order: the local one-time sessions that name an order; a person asks, so all of them are read. $1 environment or null, $2 order id text
select pg_catalog.json_build_object('environment', s.environment, 'id', s.id)::pg_catalog.text
  from payments.checkout_sessions s
 where (s.metadata operator(pg_catalog.->>) 'order_id') operator(pg_catalog.=) $2
   and s.mode operator(pg_catalog.=) 'payment'
   and ($1 is null or (s.environment operator(pg_catalog.=) $1) is true)
 order by s.id
