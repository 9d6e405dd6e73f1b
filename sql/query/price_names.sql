-- find_lookup_key: the active prices that have a lookup key (JSON strings). $1 environment text, $2 lookup key text
select pg_catalog.to_json(p.stripe_price_id)::pg_catalog.text
  from payments.prices p
 where (p.environment operator(pg_catalog.=) $1) is true and p.lookup_key operator(pg_catalog.=) $2 and p.active
 limit 2;
