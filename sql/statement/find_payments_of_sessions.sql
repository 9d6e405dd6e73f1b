-- find_payments_of_sessions: the payments that local sessions were paid by, locked (JSON strings). $1 session ids text[]
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
   for update
