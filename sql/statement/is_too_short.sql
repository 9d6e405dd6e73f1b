-- is_too_short: whether an interval is less than Stripe's 30 days (a JSON boolean). $1 older_than interval
select pg_catalog.to_json(pg_catalog.now() - $1 > pg_catalog.now() - '30 days'::interval)::text
