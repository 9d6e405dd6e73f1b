-- rows_of_group: the rows that a group of facts gives, as they are stored. $1 environment text, $2 every id that its facts name text[]
select pg_catalog.json_build_object('relation', 'payment_history',
         'key', coalesce(p.stripe_refund_id, p.stripe_dispute_id, p.stripe_payment_intent_id, p.stripe_invoice_id,
                               p.stripe_checkout_session_id, p.stripe_charge_id),
         'row', pg_catalog.to_jsonb(p.*) operator(pg_catalog.-) '{id,created_at,updated_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.payment_history p
 where (p.environment operator(pg_catalog.=) $1) is true
   and (p.stripe_refund_id operator(pg_catalog.=) any ($2) or p.stripe_dispute_id operator(pg_catalog.=) any ($2)
        or (p.type operator(pg_catalog.<>) 'refund' and p.type operator(pg_catalog.<>) 'dispute'
            and (p.stripe_payment_intent_id operator(pg_catalog.=) any ($2) or p.stripe_checkout_session_id operator(pg_catalog.=) any ($2)
                 or p.stripe_invoice_id operator(pg_catalog.=) any ($2) or p.stripe_charge_id operator(pg_catalog.=) any ($2))))
union all
select pg_catalog.json_build_object('relation', 'checkout_sessions', 'key', s.id,
         'row', pg_catalog.jsonb_build_object('status', s.status, 'payment_status', s.payment_status,
           'stripe_customer_id', s.stripe_customer_id, 'stripe_payment_intent_id', s.stripe_payment_intent_id,
           'stripe_subscription_id', s.stripe_subscription_id))::pg_catalog.text
  from payments.checkout_sessions s
 where (s.environment operator(pg_catalog.=) $1) is true and s.stripe_checkout_session_id operator(pg_catalog.=) any ($2)
