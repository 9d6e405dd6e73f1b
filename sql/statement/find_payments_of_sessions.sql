-- find_payments_of_sessions: the payments that local sessions were paid by, locked (JSON strings). $1 session ids text[]
select pg_catalog.to_json(p.id)::text
  from payments.checkout_sessions s
  join payments.payment_history p
    on p.environment is not distinct from s.environment
   and (p.stripe_checkout_session_id = s.stripe_checkout_session_id or p.stripe_payment_intent_id = s.stripe_payment_intent_id)
 where s.id = any ($1::uuid[])
   and p.type = 'one_time_payment'::text
   and p.status in ('succeeded'::text, 'partially_refunded'::text, 'refunded'::text)
 order by p.id
   for update of p
