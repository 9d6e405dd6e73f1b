-- find_sessions_of_price: the local sessions with a line that waits for this price's product (ids as JSON strings). $1 environment, $2 price text
select pg_catalog.to_json(pg_catalog.substr(f.source, 10))::pg_catalog.text
  from payments.fulfillments f
 where f.item operator(pg_catalog.=) ('undecided:' operator(pg_catalog.||) $2) and pg_catalog.starts_with(f.item, 'undecided:')
   and (f.environment operator(pg_catalog.=) $1) is true
