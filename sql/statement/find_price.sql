-- find_price: what is known of a price, a row for each environment that has it. $1 price id text
select pg_catalog.json_build_object(
         'environment', p.environment, 'active', p.active,
         'recurring', coalesce(p.type operator(pg_catalog.=) 'recurring', p.recurring_interval is not null))::pg_catalog.text
  from payments.prices p
 where p.stripe_price_id operator(pg_catalog.=) $1
