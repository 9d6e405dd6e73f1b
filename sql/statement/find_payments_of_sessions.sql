-- find_payments_of_sessions: the payments that local sessions were paid by, locked (JSON strings). $1 session ids text[]
select pg_catalog.to_json(p.id)::text
  from payments.payment_history p
 where p.id = any (array(
         select h.id
           from payments.checkout_sessions s
          cross join lateral (
            select c.id from payments.payment_history c
             where c.environment is not distinct from s.environment and c.stripe_checkout_session_id = s.stripe_checkout_session_id
               and c.type in ('one_time_payment'::text, 'subscription_invoice'::text)
            union
            select i.id from payments.payment_history i
             where i.environment is not distinct from s.environment and i.stripe_payment_intent_id = s.stripe_payment_intent_id
               and i.type in ('one_time_payment'::text, 'subscription_invoice'::text)) as h
          where s.id = any ($1::uuid[])))
   and p.type in ('one_time_payment'::text, 'subscription_invoice'::text)
   and p.status in ('succeeded'::text, 'partially_refunded'::text, 'refunded'::text)
 order by p.id
   for update
