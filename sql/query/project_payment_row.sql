-- delete_payments: deletes rows of a payment that has another row. $1 ids text[]
delete from payments.payment_history p where p.id operator(pg_catalog.=) any ($1::pg_catalog.uuid[]);

-- insert_payment: a row of a payment, refund or dispute, unless one with its ids is there. $1 environment text,
-- $2 type text, $3 status text, $4 subject_type text, $5 subject_id text, $6 stripe_customer_id text,
-- $7 customer_email_snapshot text, $8 stripe_checkout_session_id text, $9 stripe_payment_intent_id text,
-- $10 stripe_invoice_id text, $11 stripe_charge_id text, $12 stripe_refund_id text, $13 stripe_dispute_id text,
-- $14 stripe_subscription_id text, $15 stripe_product_id text, $16 stripe_price_id text, $17 amount bigint,
-- $18 amount_refunded bigint, $19 currency text, $20 description text, $21 dispute_status text, $22 paid_at timestamptz,
-- $23 failed_at timestamptz, $24 refunded_at timestamptz, $25 stripe_created_at timestamptz, $26 shortfall bigint,
-- $27 subtotal bigint, $28 amount_lost bigint, $29 lost_in_other_currency boolean, $30 line_items,
-- $31 invoice_lines text (JSON), $32 lost_at timestamptz
insert into payments.payment_history
  (environment, by_backend,
   type, status, subject_type, subject_id, stripe_customer_id, customer_email_snapshot, stripe_checkout_session_id,
   stripe_payment_intent_id, stripe_invoice_id, stripe_charge_id, stripe_refund_id, stripe_dispute_id,
   stripe_subscription_id, stripe_product_id, stripe_price_id, amount, amount_refunded, currency, description,
   dispute_status, paid_at, failed_at, refunded_at, stripe_created_at, shortfall,
   subtotal, amount_lost, lost_in_other_currency, line_items, invoice_lines, lost_at)
values
  ($1, false,
   $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
   $22, $23, $24, $25, $26, $27, $28, $29, $30::pg_catalog.jsonb, $31::pg_catalog.jsonb, $32)
on conflict do nothing;

-- update_payment: the same for a row that is there, where it differs. $1 id text,
-- $2 type text, $3 status text, $4 subject_type text, $5 subject_id text, $6 stripe_customer_id text,
-- $7 customer_email_snapshot text, $8 stripe_checkout_session_id text, $9 stripe_payment_intent_id text,
-- $10 stripe_invoice_id text, $11 stripe_charge_id text, $12 stripe_refund_id text, $13 stripe_dispute_id text,
-- $14 stripe_subscription_id text, $15 stripe_product_id text, $16 stripe_price_id text, $17 amount bigint,
-- $18 amount_refunded bigint, $19 currency text, $20 description text, $21 dispute_status text, $22 paid_at timestamptz,
-- $23 failed_at timestamptz, $24 refunded_at timestamptz, $25 stripe_created_at timestamptz, $26 shortfall bigint,
-- $27 subtotal bigint, $28 amount_lost bigint, $29 lost_in_other_currency boolean, $30 line_items,
-- $31 invoice_lines text (JSON), $32 lost_at timestamptz, $33 by_backend boolean
update payments.payment_history p
   set (updated_at,
        type, status, subject_type, subject_id, stripe_customer_id, customer_email_snapshot,
        stripe_checkout_session_id, stripe_payment_intent_id, stripe_invoice_id, stripe_charge_id, stripe_refund_id,
        stripe_dispute_id, stripe_subscription_id, stripe_product_id, stripe_price_id, amount, amount_refunded,
        currency, description, dispute_status, paid_at, failed_at, refunded_at, stripe_created_at, shortfall,
        subtotal, amount_lost, lost_in_other_currency, line_items, invoice_lines, lost_at, by_backend)
     = (pg_catalog.now(),
        $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
        $22, $23, $24, $25, $26, $27, $28, $29, $30::pg_catalog.jsonb, $31::pg_catalog.jsonb, $32, $33)
 where p.id operator(pg_catalog.=) $1::pg_catalog.uuid
   and row(p.type, p.status, p.subject_type, p.subject_id, p.stripe_customer_id, p.customer_email_snapshot,
        p.stripe_checkout_session_id, p.stripe_payment_intent_id, p.stripe_invoice_id, p.stripe_charge_id,
        p.stripe_refund_id, p.stripe_dispute_id, p.stripe_subscription_id, p.stripe_product_id, p.stripe_price_id,
        p.amount, p.amount_refunded, p.currency, p.description, p.dispute_status, p.paid_at, p.failed_at,
        p.refunded_at, p.stripe_created_at, p.shortfall, p.subtotal, p.amount_lost,
        p.lost_in_other_currency, p.line_items, p.invoice_lines, p.lost_at, p.by_backend)::pg_catalog.record
       operator(pg_catalog.*<>)
       row($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
        $22, $23, $24, $25, $26, $27, $28, $29, $30::pg_catalog.jsonb, $31::pg_catalog.jsonb, $32, $33);

-- rows_of_returns: the rows of refunds and disputes that are there (JSON objects).
-- $1 environment text, $2 their ids text[]
select pg_catalog.json_build_object('id', p.id, 'of', coalesce(p.stripe_refund_id, p.stripe_dispute_id))::pg_catalog.text
  from payments.payment_history p
 where (p.environment operator(pg_catalog.=) $1) is true
   and (p.stripe_refund_id operator(pg_catalog.=) any ($2) or p.stripe_dispute_id operator(pg_catalog.=) any ($2));

-- find_payments: the rows of one payment, the first made first (JSON objects).
-- $1 environment text, $2 every id that its facts name text[]
select pg_catalog.json_build_object('id', p.id, 'by_backend', p.by_backend)::pg_catalog.text
  from payments.payment_history p
 where (p.environment operator(pg_catalog.=) $1) is true and p.type operator(pg_catalog.<>) 'refund' and p.type operator(pg_catalog.<>) 'dispute'
   and (p.stripe_payment_intent_id operator(pg_catalog.=) any ($2)
        or p.stripe_checkout_session_id operator(pg_catalog.=) any ($2)
        or p.stripe_invoice_id operator(pg_catalog.=) any ($2)
        or (p.stripe_charge_id operator(pg_catalog.=) any ($2)
            and (p.by_backend or (p.stripe_payment_intent_id is null and p.stripe_checkout_session_id is null
                                  and p.stripe_invoice_id is null))))
 order by p.created_at, p.id;

-- payment_of_intent: the row of a payment by its payment intent (a JSON string).
-- $1 environment text, $2 stripe_payment_intent_id text
select pg_catalog.to_json(p.id)::pg_catalog.text
  from payments.payment_history p
 where (p.environment operator(pg_catalog.=) $1) is true and p.stripe_payment_intent_id operator(pg_catalog.=) $2
   and p.type operator(pg_catalog.<>) 'refund' and p.type operator(pg_catalog.<>) 'dispute';

-- payment_of_session: the row of a payment by its checkout session (a JSON string).
-- $1 environment text, $2 stripe_checkout_session_id text
select pg_catalog.to_json(p.id)::pg_catalog.text
  from payments.payment_history p
 where (p.environment operator(pg_catalog.=) $1) is true and p.stripe_checkout_session_id operator(pg_catalog.=) $2
   and p.type operator(pg_catalog.<>) 'refund' and p.type operator(pg_catalog.<>) 'dispute';

-- payment_of_invoice: the row of a payment by its invoice (a JSON string).
-- $1 environment text, $2 stripe_invoice_id text
select pg_catalog.to_json(p.id)::pg_catalog.text
  from payments.payment_history p
 where (p.environment operator(pg_catalog.=) $1) is true and p.stripe_invoice_id operator(pg_catalog.=) $2 and p.type operator(pg_catalog.<>) 'refund'
   and p.type operator(pg_catalog.<>) 'dispute';
