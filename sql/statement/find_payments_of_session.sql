-- find_payments_of_session: the payments that a local session was paid by, locked (JSON strings). $1 session uuid
select pg_catalog.to_json(p.id)::text
  from payments.checkout_sessions s
  join payments.payment_history p
    on p.environment is not distinct from s.environment
   and (p.stripe_checkout_session_id = s.stripe_checkout_session_id or p.stripe_payment_intent_id = s.stripe_payment_intent_id)
 where s.id = $1
   and p.type = 'one_time_payment'::text
   and p.status in ('succeeded'::text, 'partially_refunded'::text, 'refunded'::text)
 order by p.id
   for update of p
