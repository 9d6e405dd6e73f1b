-- find_price: what is known of a price, a row for each environment that has it. $1 price id text
select pg_catalog.json_build_object(
         'environment', p.environment, 'active', p.active,
         'recurring', coalesce(p.type operator(pg_catalog.=) 'recurring', p.recurring_interval is not null),
         'product', p.stripe_product_id)::pg_catalog.text
  from payments.prices p
 where p.stripe_price_id operator(pg_catalog.=) $1;

-- living_subscription: a subscription of a subject that has one of these prices or products and has not ended, or might
-- still begin. One that is paused has no period that could be paid for.
-- $1 environment text, $2 subject_type text, $3 subject_id text, $4 price ids text[], $5 product ids text[]
select pg_catalog.json_build_object('subscription', s.stripe_subscription_id, 'status', s.status)::pg_catalog.text
  from payments.subscriptions s
 where (s.environment operator(pg_catalog.=) $1) is true
   and s.subject_type operator(pg_catalog.=) $2 and s.subject_id operator(pg_catalog.=) $3
   and s.status operator(pg_catalog.=) any (array['incomplete', 'trialing', 'active', 'past_due', 'unpaid'])
   and exists (
     select from payments.subscription_items i
      where i.stripe_subscription_id operator(pg_catalog.=) s.stripe_subscription_id
        and (i.environment operator(pg_catalog.=) s.environment) is true
        and (i.stripe_price_id operator(pg_catalog.=) any ($4) or i.stripe_product_id operator(pg_catalog.=) any ($5)))
 order by s.stripe_subscription_id
 limit 1;
