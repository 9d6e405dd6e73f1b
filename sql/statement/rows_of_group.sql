-- rows_of_group: the rows that a group of facts gives, as they are stored. $1 environment text, $2 every id that its facts name text[]
select pg_catalog.json_build_object('relation'::text, 'payment_history'::text,
         'key'::text, coalesce(p.stripe_refund_id, p.stripe_dispute_id, p.stripe_payment_intent_id, p.stripe_invoice_id,
                               p.stripe_checkout_session_id, p.stripe_charge_id),
         'row'::text, pg_catalog.to_jsonb(p.*) - '{id,created_at,updated_at}'::text[])::text
  from payments.payment_history p
 where p.environment is not distinct from $1
   and (p.stripe_refund_id = any ($2) or p.stripe_dispute_id = any ($2)
        or (p.type <> 'refund'::text and p.type <> 'dispute'::text
            and (p.stripe_payment_intent_id = any ($2) or p.stripe_checkout_session_id = any ($2)
                 or p.stripe_invoice_id = any ($2) or p.stripe_charge_id = any ($2))))
union all
select pg_catalog.json_build_object('relation'::text, 'checkout_sessions'::text, 'key'::text, s.id,
         'row'::text, pg_catalog.jsonb_build_object('status'::text, s.status, 'payment_status'::text, s.payment_status,
           'stripe_customer_id'::text, s.stripe_customer_id, 'stripe_payment_intent_id'::text, s.stripe_payment_intent_id,
           'stripe_subscription_id'::text, s.stripe_subscription_id))::text
  from payments.checkout_sessions s
 where s.environment is not distinct from $1 and s.stripe_checkout_session_id = any ($2)
