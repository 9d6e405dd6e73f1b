-- rows_of_backends: the rows that other backends wrote of one payment, as they stand (JSON objects).
-- $1 environment text, $2 every id that its facts name text[]
select pg_catalog.json_build_object(
         'row', 'row:' operator(pg_catalog.||) p.id::pg_catalog.text,
         'type', p.type, 'status', p.status, 'subject_type', p.subject_type, 'subject_id', p.subject_id,
         'stripe_customer_id', p.stripe_customer_id, 'customer_email_snapshot', p.customer_email_snapshot,
         'stripe_checkout_session_id', p.stripe_checkout_session_id, 'stripe_payment_intent_id', p.stripe_payment_intent_id,
         'stripe_invoice_id', p.stripe_invoice_id, 'stripe_charge_id', p.stripe_charge_id,
         'stripe_subscription_id', p.stripe_subscription_id, 'stripe_product_id', p.stripe_product_id,
         'stripe_price_id', p.stripe_price_id, 'amount', p.amount, 'amount_refunded', p.amount_refunded,
         'subtotal', p.subtotal, 'shortfall', p.shortfall, 'amount_lost', p.amount_lost,
         'lost_in_other_currency', p.lost_in_other_currency, 'currency', p.currency, 'description', p.description,
         'dispute_status', p.dispute_status,
         'paid_at', case when pg_catalog.isfinite(p.paid_at) then pg_catalog.floor(extract(epoch from p.paid_at))::bigint end,
         'failed_at', case when pg_catalog.isfinite(p.failed_at) then pg_catalog.floor(extract(epoch from p.failed_at))::bigint end,
         'refunded_at', case when pg_catalog.isfinite(p.refunded_at) then pg_catalog.floor(extract(epoch from p.refunded_at))::bigint end,
         'stripe_created_at', case when pg_catalog.isfinite(p.stripe_created_at)
                                   then pg_catalog.floor(extract(epoch from p.stripe_created_at))::bigint end)::pg_catalog.text
  from payments.payment_history p
 where (p.environment operator(pg_catalog.=) $1) is true and p.by_backend
   and p.type operator(pg_catalog.<>) 'refund' and p.type operator(pg_catalog.<>) 'dispute'
   and (p.stripe_payment_intent_id operator(pg_catalog.=) any ($2)
        or p.stripe_checkout_session_id operator(pg_catalog.=) any ($2)
        or p.stripe_invoice_id operator(pg_catalog.=) any ($2)
        or (p.stripe_charge_id operator(pg_catalog.=) any ($2)
            and (p.by_backend or (p.stripe_payment_intent_id is null and p.stripe_checkout_session_id is null
                                  and p.stripe_invoice_id is null))))
 order by p.created_at, p.id;

-- linked_ids: those of ids that a fact has named (JSON strings). $1 environment text, $2 ids text[]
select pg_catalog.to_json(l.key)::pg_catalog.text
  from payments.fact_links l
 where (l.environment operator(pg_catalog.=) $1) is true and l.key operator(pg_catalog.=) any ($2 collate pg_catalog."C");
