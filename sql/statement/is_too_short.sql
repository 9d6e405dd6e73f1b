-- is_too_short: whether an interval is less than Stripe's 30 days (a JSON boolean). $1 older_than interval
select pg_catalog.to_json((pg_catalog.now() operator(pg_catalog.-) $1)
     operator(pg_catalog.>) (pg_catalog.now() operator(pg_catalog.-) '30 days'::interval))::pg_catalog.text
