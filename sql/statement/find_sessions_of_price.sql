-- find_sessions_of_price: the local sessions with a line that waits for this price's product (ids as JSON strings). $1 environment, $2 price text
select pg_catalog.to_json(pg_catalog.substr(f.source, 10))::text
  from payments.fulfillments f
 where f.what = 'undecided:'::text || $2 and pg_catalog.starts_with(f.what, 'undecided:'::text) and f.environment is not distinct from $1
