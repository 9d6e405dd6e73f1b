-- find_subscription_to_change: what is known of a subscription and of the price to change to, which credits that price and the present
-- ones give, whether a trial is offered with that price, which other living subscription of the subject is of that product, and whether
-- the caller asked so before (one JSON object; none where the subscription is not known).
-- $1 environment text, $2 subscription text, $3 price text, $4 key text, $5 created_by text
select pg_catalog.json_build_object(
         'subject_type', s.subject_type, 'subject_id', s.subject_id,
         'status', s.status,
         'trialing', s.status operator(pg_catalog.=) 'trialing' or coalesce(s.trial_end operator(pg_catalog.>) pg_catalog.now(), false),
         'collection_paused', s.pause_collection is not null,
         'currency', s.raw operator(pg_catalog.->>) 'currency',
         'collection_method', s.raw operator(pg_catalog.->>) 'collection_method',
         'items', (
           select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
                    'id', i.stripe_subscription_item_id, 'price', i.stripe_price_id,
                    'product', coalesce(i.stripe_product_id, (
                      select p.stripe_product_id from payments.prices p
                       where p.stripe_price_id operator(pg_catalog.=) i.stripe_price_id
                         and (p.environment operator(pg_catalog.=) s.environment) is true)),
                    'quantity', i.quantity) order by i.stripe_subscription_item_id), '[]')
             from payments.subscription_items i
            where i.stripe_subscription_id operator(pg_catalog.=) s.stripe_subscription_id
              and (i.environment operator(pg_catalog.=) s.environment) is true),
         'offered', (
           select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
                    'environment', p.environment, 'active', p.active,
                    'recurring', coalesce(p.type operator(pg_catalog.=) 'recurring', p.recurring_interval is not null),
                    'metered', coalesce((p.raw operator(pg_catalog.#>>) '{recurring,usage_type}') operator(pg_catalog.=) 'metered', false),
                    'currency', p.currency, 'product', p.stripe_product_id)), '[]')
             from payments.prices p
            where p.stripe_price_id operator(pg_catalog.=) $3),
         'gives', (
           select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
                    'price', n.price, 'unit', coalesce(p.unit_amount_decimal, p.unit_amount::pg_catalog.text),
                    'credits', b.trials is not null, 'in_trials', coalesce(b.trials, false))), '[]')
             from (select $3 as price, null::pg_catalog.text as product
                   union all
                   select i.stripe_price_id, i.stripe_product_id from payments.subscription_items i
                    where i.stripe_subscription_id operator(pg_catalog.=) s.stripe_subscription_id
                      and (i.environment operator(pg_catalog.=) s.environment) is true) n
             left join payments.prices p
               on p.stripe_price_id operator(pg_catalog.=) n.price and (p.environment operator(pg_catalog.=) s.environment) is true
             left join lateral (
               select g.trials from payments.benefits g
                where (g.environment operator(pg_catalog.=) s.environment) is true and g.key is null
                  and coalesce(g.stripe_price_id, g.stripe_product_id)
                      operator(pg_catalog.=) any (array[n.price, coalesce(p.stripe_product_id, n.product)])
                order by g.stripe_price_id is null
                limit 1) b on true
            where n.price is not null),
         'other', (
           select pg_catalog.json_build_object('subscription', o.stripe_subscription_id, 'status', o.status)
             from payments.subscriptions o
            where o.subject_type operator(pg_catalog.=) s.subject_type and o.subject_id operator(pg_catalog.=) s.subject_id
              and (o.environment operator(pg_catalog.=) s.environment) is true
              and o.stripe_subscription_id operator(pg_catalog.<>) s.stripe_subscription_id
              and o.status operator(pg_catalog.=) any (array['incomplete', 'trialing', 'active', 'past_due', 'unpaid'])
              and exists (
                select from payments.subscription_items i
                  left join payments.prices own
                    on own.stripe_price_id operator(pg_catalog.=) i.stripe_price_id
                   and (own.environment operator(pg_catalog.=) s.environment) is true
                  left join payments.prices p
                    on p.stripe_price_id operator(pg_catalog.=) $3 and (p.environment operator(pg_catalog.=) s.environment) is true
                 where i.stripe_subscription_id operator(pg_catalog.=) o.stripe_subscription_id
                   and (i.environment operator(pg_catalog.=) s.environment) is true
                   and (i.stripe_price_id operator(pg_catalog.=) $3
                        or coalesce(i.stripe_product_id, own.stripe_product_id) operator(pg_catalog.=) p.stripe_product_id))
            order by o.stripe_subscription_id
            limit 1),
         'offers_trial', exists (
           select from payments.checkout_defaults d
            where coalesce(d.stripe_price_id, '') operator(pg_catalog.=) any (array[$3, ''])
              and (d.environment operator(pg_catalog.=) s.environment) is true
              and (d.params operator(pg_catalog.#>) '{subscription_data,trial_period_days}') is not null),
         'repeated', exists (
           select from payments.subscription_requests r
            where r.idempotency_key operator(pg_catalog.=) $4
              and (r.environment operator(pg_catalog.=) s.environment) is true
              and coalesce(r.created_by operator(pg_catalog.=) $5, r.created_by is null and $5 is null)))::pg_catalog.text
  from payments.subscriptions s
 where s.stripe_subscription_id operator(pg_catalog.=) $2
   and (s.environment operator(pg_catalog.=) $1) is true;
