-- find_subscription_to_change: what is known of a subscription and of the price to change to, whether a trial is offered with that price,
-- and whether the caller asked so before (one JSON object; none where the subscription is not known).
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
         'offers_trial', payments.trial_days(s.environment, $3) is not null,
         'repeated', exists (
           select from payments.subscription_requests r
            where r.idempotency_key operator(pg_catalog.=) $4
              and (r.environment operator(pg_catalog.=) s.environment) is true
              and coalesce(r.created_by operator(pg_catalog.=) $5, r.created_by is null and $5 is null)))::pg_catalog.text
  from payments.subscriptions s
 where s.stripe_subscription_id operator(pg_catalog.=) $2
   and (s.environment operator(pg_catalog.=) $1) is true;
