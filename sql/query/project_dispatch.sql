-- own_account: the environment's own Stripe account, where it is known (a JSON string). $1 environment text
select pg_catalog.to_json(c.stripe_account_id)::pg_catalog.text
  from payments.stripe_connections c
 where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_account_id is not null;
