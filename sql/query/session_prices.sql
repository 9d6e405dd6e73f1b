-- find_price: what is known of a price and of the credits that it gives, a row for each environment that has it. $1 price id text
select pg_catalog.json_build_object(
         'environment', p.environment, 'active', p.active,
         'recurring', coalesce(p.type operator(pg_catalog.=) 'recurring', p.recurring_interval is not null),
         'product', p.stripe_product_id,
         'gives', payments.price_gives(p.environment, p.stripe_price_id))::pg_catalog.text
  from payments.prices p
 where p.stripe_price_id operator(pg_catalog.=) $1;

-- find_gives: what a price costs, and the credits that it gives. $1 environment, $2 price id, $3 its product where the catalog does not know
-- it text
select payments.price_gives($1, $2, $3)::pg_catalog.text;

-- trial_of_session: what decides whether a checkout may have a trial, and which of its prices give credits in one (a JSON object).
-- $1 environment text, $2 price ids text[], $3 subject_type text, $4 subject_id text
select pg_catalog.json_build_object(
         'had_trial', payments.had_trial($1, $3, $4),
         'defaults', payments.checkout_defaults_of($1, null),
         'prices', (
           select pg_catalog.json_agg(pg_catalog.json_build_object(
                    'price', n.price,
                    'recurring', case when p.id is not null then coalesce(p.type operator(pg_catalog.=) 'recurring', p.recurring_interval is not null) end,
                    'params', payments.checkout_defaults_of($1, n.price),
                    'gives', payments.price_gives($1, n.price)))
             from (select pg_catalog.unnest($2::pg_catalog.text[]) as price) n
             left join payments.prices p
               on p.stripe_price_id operator(pg_catalog.=) n.price and (p.environment operator(pg_catalog.=) $1) is true))::pg_catalog.text;

-- living_subscription: a subscription of a subject that has one of these prices or products and has not ended, or might
-- still begin. One that is paused has no period that could be paid for. An item that does not say its product is of its price's.
-- $1 environment text, $2 subject_type text, $3 subject_id text, $4 price ids text[], $5 product ids text[], $6 a subscription that does
-- not count, or null text
select pg_catalog.json_build_object('subscription', s.stripe_subscription_id, 'status', s.status)::pg_catalog.text
  from payments.subscriptions s
 where (s.environment operator(pg_catalog.=) $1) is true
   and s.subject_type operator(pg_catalog.=) $2 and s.subject_id operator(pg_catalog.=) $3
   and s.stripe_subscription_id operator(pg_catalog.<>) coalesce($6, '')
   and s.status operator(pg_catalog.=) any (array['incomplete', 'trialing', 'active', 'past_due', 'unpaid'])
   -- With EXISTS the planner would read all items.
   and (
     select pg_catalog.bool_or(i.stripe_price_id operator(pg_catalog.=) any ($4)
                               or coalesce(i.stripe_product_id, p.stripe_product_id) operator(pg_catalog.=) any ($5))
       from payments.subscription_items i
       left join payments.prices p
         on p.stripe_price_id operator(pg_catalog.=) i.stripe_price_id and (p.environment operator(pg_catalog.=) s.environment) is true
      where i.stripe_subscription_id operator(pg_catalog.=) s.stripe_subscription_id
        and (i.environment operator(pg_catalog.=) s.environment) is true)
 order by s.stripe_subscription_id
 limit 1;
