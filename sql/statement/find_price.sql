-- find_price: what is known of a price, a row for each environment that has it. $1 price id text
select pg_catalog.json_build_object(
         'environment', p.environment, 'active', p.active,
         'recurring', coalesce(p.type = 'recurring'::text, p.recurring_interval is not null))::text
  from payments.prices p
 where p.stripe_price_id = $1
