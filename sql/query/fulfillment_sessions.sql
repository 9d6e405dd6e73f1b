-- find_payments_of_sessions: the payments that local sessions were paid by, locked (JSON strings).
-- $1 session ids text[]
select pg_catalog.to_json(p.id)::pg_catalog.text
  from payments.payment_history p
 where p.id operator(pg_catalog.=) any (array(
         select h.id
           from payments.checkout_sessions s
          cross join lateral (
            select c.id from payments.payment_history c
             where (c.environment operator(pg_catalog.=) s.environment) is true and c.stripe_checkout_session_id operator(pg_catalog.=) s.stripe_checkout_session_id
               and c.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice'])
            union
            select i.id from payments.payment_history i
             where (i.environment operator(pg_catalog.=) s.environment) is true and i.stripe_payment_intent_id operator(pg_catalog.=) s.stripe_payment_intent_id
               and i.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice'])) as h
          where s.id operator(pg_catalog.=) any ($1::pg_catalog.uuid[])))
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

-- find_sessions_of_price: the local sessions with a line that waits for this price's product, and those that were completed for it (ids
-- as JSON strings).
-- $1 environment, $2 price text
select pg_catalog.to_json(w.id)::pg_catalog.text
  from (select pg_catalog.substr(f.source, 10) as id
          from payments.fulfillments f
         where f.item operator(pg_catalog.=) ('undecided:' operator(pg_catalog.||) $2) and pg_catalog.starts_with(f.item, 'undecided:')
           and pg_catalog.starts_with(f.source, 'checkout:') and (f.environment operator(pg_catalog.=) $1) is true
        union
        select s.id::pg_catalog.text
          from payments.checkout_sessions s
         where s.line_items operator(pg_catalog.@>) pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('price', $2))
           and s.status operator(pg_catalog.=) 'completed' and (s.environment operator(pg_catalog.=) $1) is true
        union
        select s.id::pg_catalog.text
          from payments.checkout_sessions s
         where s.line_items operator(pg_catalog.@>) pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('stripePriceId', $2))
           and s.status operator(pg_catalog.=) 'completed' and (s.environment operator(pg_catalog.=) $1) is true) as w;
