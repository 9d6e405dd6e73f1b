-- find_payments: the rows of one payment, the first made first (JSON strings). $1 environment text, $2 every id that its facts name text[]
select pg_catalog.to_json(p.id)::pg_catalog.text
  from payments.payment_history p
 where (p.environment operator(pg_catalog.=) $1) is true and p.type operator(pg_catalog.<>) 'refund' and p.type operator(pg_catalog.<>) 'dispute'
   and (p.stripe_payment_intent_id operator(pg_catalog.=) any ($2)
        or p.stripe_checkout_session_id operator(pg_catalog.=) any ($2)
        or p.stripe_invoice_id operator(pg_catalog.=) any ($2)
        or (p.stripe_charge_id operator(pg_catalog.=) any ($2) and p.stripe_payment_intent_id is null
            and p.stripe_checkout_session_id is null and p.stripe_invoice_id is null))
 order by p.created_at, p.id
