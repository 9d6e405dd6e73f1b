-- find_payments_of_sessions: the payments that local sessions were paid by (JSON strings). $1 session ids text[]
select pg_catalog.to_json(h.id)::pg_catalog.text
  from payments.checkout_sessions s
 cross join lateral (
   select c.id from payments.payment_history c
    where (c.environment operator(pg_catalog.=) s.environment) is true and c.stripe_checkout_session_id operator(pg_catalog.=) s.stripe_checkout_session_id
      and c.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice'])
   union
   select i.id from payments.payment_history i
    where (i.environment operator(pg_catalog.=) s.environment) is true and i.stripe_payment_intent_id operator(pg_catalog.=) s.stripe_payment_intent_id
      and i.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice'])) as h
 where s.id operator(pg_catalog.=) any ($1::pg_catalog.uuid[]);

-- lock_payments: those of these payments whose money arrived, locked in the order of their ids (JSON strings). $1 payments uuid[]
select pg_catalog.to_json(p.id)::pg_catalog.text
  from payments.payment_history p
 where p.id operator(pg_catalog.=) any ($1)
   and p.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice'])
   and p.status operator(pg_catalog.=) any (array['succeeded', 'partially_refunded', 'refunded'])
 order by p.id
   for update;

-- find_payment_of_stripe_session: the payment of one of Stripe's sessions whose money arrived, locked (JSON strings).
-- $1 environment text, $2 stripe_checkout_session_id text
select pg_catalog.to_json(p.id)::pg_catalog.text
  from payments.payment_history p
 where (p.environment operator(pg_catalog.=) $1) is true and p.stripe_checkout_session_id operator(pg_catalog.=) $2
   and p.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice'])
   and p.status operator(pg_catalog.=) any (array['succeeded', 'partially_refunded', 'refunded'])
   for update;

-- find_sessions_of_price: the local sessions that must be decided on again when a price becomes known (ids as JSON strings): those with a
-- line that waits for its product, and completed ones with the price, unless the price confirms what was assumed. It does if their only
-- line costs what was paid, or is recurring and among the subscription's items, and nothing waits for line items.
-- $1 environment, $2 price text
with completed as materialized (
  select s.id, s.mode, s.stripe_checkout_session_id, s.stripe_subscription_id, s.line_items
    from payments.checkout_sessions s
   where s.line_items operator(pg_catalog.@>) pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('price', $2))
     and s.status operator(pg_catalog.=) 'completed' and (s.environment operator(pg_catalog.=) $1) is true
  union
  select s.id, s.mode, s.stripe_checkout_session_id, s.stripe_subscription_id, s.line_items
    from payments.checkout_sessions s
   where s.line_items operator(pg_catalog.@>) pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('stripePriceId', $2))
     and s.status operator(pg_catalog.=) 'completed' and (s.environment operator(pg_catalog.=) $1) is true
)
select pg_catalog.to_json(pg_catalog.substr(f.source, 10))::pg_catalog.text
  from payments.fulfillments f
 where f.item operator(pg_catalog.=) ('undecided:' operator(pg_catalog.||) $2) and pg_catalog.starts_with(f.item, 'undecided:')
   and pg_catalog.starts_with(f.source, 'checkout:') and (f.environment operator(pg_catalog.=) $1) is true
union
select pg_catalog.to_json(c.id::pg_catalog.text)::pg_catalog.text
  from completed c
 where not exists (
   select from payments.prices o
    where o.stripe_price_id operator(pg_catalog.=) $2 and (o.environment operator(pg_catalog.=) $1) is true
      and pg_catalog.jsonb_array_length(c.line_items) operator(pg_catalog.=) 1
      and not exists (
        select from payments.fulfillments f
         where f.source operator(pg_catalog.=) ('checkout:' operator(pg_catalog.||) c.id::pg_catalog.text)
           and (f.environment operator(pg_catalog.=) $1) is true and f.item operator(pg_catalog.=) 'line_items')
      and case
            when c.mode operator(pg_catalog.=) 'payment' then coalesce(o.billing_scheme, 'per_unit') operator(pg_catalog.=) 'per_unit' and exists (
              select from payments.payment_history p
               where p.stripe_checkout_session_id operator(pg_catalog.=) c.stripe_checkout_session_id
                 and (p.environment operator(pg_catalog.=) $1) is true
                 and p.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice'])
                 and p.currency operator(pg_catalog.=) o.currency
                 and p.subtotal operator(pg_catalog.=) (o.unit_amount operator(pg_catalog.*) case
                       when (c.line_items operator(pg_catalog.#>>) '{0,quantity}') operator(pg_catalog.~) '^[0-9]{1,9}$'
                       then (c.line_items operator(pg_catalog.#>>) '{0,quantity}')::bigint else 1 end))
            else o.type operator(pg_catalog.=) 'recurring' and exists (
              select from payments.subscription_items i
               where i.stripe_subscription_id operator(pg_catalog.=) c.stripe_subscription_id
                 and (i.environment operator(pg_catalog.=) $1) is true and i.stripe_price_id operator(pg_catalog.=) $2)
          end);
