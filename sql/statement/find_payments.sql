-- find_payments: the rows of one payment, the first made first (JSON strings). $1 environment text, $2 every id that its facts name text[]
select pg_catalog.to_json(p.id)::text
  from payments.payment_history p
 where p.environment is not distinct from $1 and p.type <> 'refund'::text and p.type <> 'dispute'::text
   and (p.stripe_payment_intent_id = any ($2)
        or p.stripe_checkout_session_id = any ($2)
        or p.stripe_invoice_id = any ($2)
        or (p.stripe_charge_id = any ($2) and p.stripe_payment_intent_id is null
            and p.stripe_checkout_session_id is null and p.stripe_invoice_id is null))
 order by p.created_at, p.id
