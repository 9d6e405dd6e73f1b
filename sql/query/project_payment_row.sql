-- delete_payments: deletes rows of a payment that has another row. $1 ids text[]
delete from payments.payment_history p where p.id operator(pg_catalog.=) any ($1::pg_catalog.uuid[]);

-- insert_payments: rows of payments, refunds or disputes, but for those of whose ids there is one. $1 environment text, then a column each:
-- $2 type, $3 status, $4 subject_type, $5 subject_id, $6 stripe_customer_id, $7 customer_email_snapshot,
-- $8 stripe_checkout_session_id, $9 stripe_payment_intent_id, $10 stripe_invoice_id, $11 stripe_charge_id, $12 stripe_refund_id,
-- $13 stripe_dispute_id, $14 stripe_subscription_id, $15 stripe_product_id, $16 stripe_price_id, $17 amount, $18 amount_refunded,
-- $19 currency, $20 description, $21 dispute_status, $22 paid_at, $23 failed_at, $24 refunded_at, $25 stripe_created_at,
-- $26 shortfall, $27 subtotal, $28 amount_lost, $29 lost_in_other_currency, $30 line_items, $31 invoice_lines, $32 lost_at
-- (amounts bigint[], times timestamptz[], lost_in_other_currency boolean[], the others text[], of which line_items and invoice_lines
-- are JSON)
insert into payments.payment_history
  (environment, by_backend,
   type, status, subject_type, subject_id, stripe_customer_id, customer_email_snapshot, stripe_checkout_session_id,
   stripe_payment_intent_id, stripe_invoice_id, stripe_charge_id, stripe_refund_id, stripe_dispute_id, stripe_subscription_id,
   stripe_product_id, stripe_price_id, amount, amount_refunded, currency, description, dispute_status, paid_at, failed_at,
   refunded_at, stripe_created_at, shortfall, subtotal, amount_lost, lost_in_other_currency, line_items, invoice_lines, lost_at)
select $1, false,
       n.type, n.status, n.subject_type, n.subject_id, n.stripe_customer_id, n.customer_email_snapshot,
       n.stripe_checkout_session_id, n.stripe_payment_intent_id, n.stripe_invoice_id, n.stripe_charge_id, n.stripe_refund_id,
       n.stripe_dispute_id, n.stripe_subscription_id, n.stripe_product_id, n.stripe_price_id, n.amount, n.amount_refunded,
       n.currency, n.description, n.dispute_status, n.paid_at, n.failed_at, n.refunded_at, n.stripe_created_at, n.shortfall,
       n.subtotal, n.amount_lost, n.lost_in_other_currency, n.line_items::pg_catalog.jsonb, n.invoice_lines::pg_catalog.jsonb,
       n.lost_at
  from (select pg_catalog.unnest($2::pg_catalog.text[]) as type, pg_catalog.unnest($3::pg_catalog.text[]) as status,
               pg_catalog.unnest($4::pg_catalog.text[]) as subject_type, pg_catalog.unnest($5::pg_catalog.text[]) as subject_id,
               pg_catalog.unnest($6::pg_catalog.text[]) as stripe_customer_id,
               pg_catalog.unnest($7::pg_catalog.text[]) as customer_email_snapshot,
               pg_catalog.unnest($8::pg_catalog.text[]) as stripe_checkout_session_id,
               pg_catalog.unnest($9::pg_catalog.text[]) as stripe_payment_intent_id,
               pg_catalog.unnest($10::pg_catalog.text[]) as stripe_invoice_id,
               pg_catalog.unnest($11::pg_catalog.text[]) as stripe_charge_id,
               pg_catalog.unnest($12::pg_catalog.text[]) as stripe_refund_id,
               pg_catalog.unnest($13::pg_catalog.text[]) as stripe_dispute_id,
               pg_catalog.unnest($14::pg_catalog.text[]) as stripe_subscription_id,
               pg_catalog.unnest($15::pg_catalog.text[]) as stripe_product_id,
               pg_catalog.unnest($16::pg_catalog.text[]) as stripe_price_id, pg_catalog.unnest($17::bigint[]) as amount,
               pg_catalog.unnest($18::bigint[]) as amount_refunded, pg_catalog.unnest($19::pg_catalog.text[]) as currency,
               pg_catalog.unnest($20::pg_catalog.text[]) as description,
               pg_catalog.unnest($21::pg_catalog.text[]) as dispute_status,
               pg_catalog.unnest($22::pg_catalog.timestamptz[]) as paid_at,
               pg_catalog.unnest($23::pg_catalog.timestamptz[]) as failed_at,
               pg_catalog.unnest($24::pg_catalog.timestamptz[]) as refunded_at,
               pg_catalog.unnest($25::pg_catalog.timestamptz[]) as stripe_created_at, pg_catalog.unnest($26::bigint[]) as shortfall,
               pg_catalog.unnest($27::bigint[]) as subtotal, pg_catalog.unnest($28::bigint[]) as amount_lost,
               pg_catalog.unnest($29::boolean[]) as lost_in_other_currency, pg_catalog.unnest($30::pg_catalog.text[]) as line_items,
               pg_catalog.unnest($31::pg_catalog.text[]) as invoice_lines,
               pg_catalog.unnest($32::pg_catalog.timestamptz[]) as lost_at) as n
on conflict do nothing;

-- update_payments: the same for rows that are there, where they differ. $1 ids text[], $2 to $32 as above, $33 by_backend boolean[]
update payments.payment_history p
   set (updated_at,
        type, status, subject_type, subject_id, stripe_customer_id, customer_email_snapshot, stripe_checkout_session_id,
        stripe_payment_intent_id, stripe_invoice_id, stripe_charge_id, stripe_refund_id, stripe_dispute_id, stripe_subscription_id,
        stripe_product_id, stripe_price_id, amount, amount_refunded, currency, description, dispute_status, paid_at, failed_at,
        refunded_at, stripe_created_at, shortfall, subtotal, amount_lost, lost_in_other_currency, line_items, invoice_lines,
        lost_at, by_backend)
     = (pg_catalog.now(),
        n.type, n.status, n.subject_type, n.subject_id, n.stripe_customer_id, n.customer_email_snapshot,
        n.stripe_checkout_session_id, n.stripe_payment_intent_id, n.stripe_invoice_id, n.stripe_charge_id, n.stripe_refund_id,
        n.stripe_dispute_id, n.stripe_subscription_id, n.stripe_product_id, n.stripe_price_id, n.amount, n.amount_refunded,
        n.currency, n.description, n.dispute_status, n.paid_at, n.failed_at, n.refunded_at, n.stripe_created_at, n.shortfall,
        n.subtotal, n.amount_lost, n.lost_in_other_currency, n.line_items::pg_catalog.jsonb, n.invoice_lines::pg_catalog.jsonb,
        n.lost_at, n.by_backend)
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as id,
               pg_catalog.unnest($2::pg_catalog.text[]) as type, pg_catalog.unnest($3::pg_catalog.text[]) as status,
               pg_catalog.unnest($4::pg_catalog.text[]) as subject_type, pg_catalog.unnest($5::pg_catalog.text[]) as subject_id,
               pg_catalog.unnest($6::pg_catalog.text[]) as stripe_customer_id,
               pg_catalog.unnest($7::pg_catalog.text[]) as customer_email_snapshot,
               pg_catalog.unnest($8::pg_catalog.text[]) as stripe_checkout_session_id,
               pg_catalog.unnest($9::pg_catalog.text[]) as stripe_payment_intent_id,
               pg_catalog.unnest($10::pg_catalog.text[]) as stripe_invoice_id,
               pg_catalog.unnest($11::pg_catalog.text[]) as stripe_charge_id,
               pg_catalog.unnest($12::pg_catalog.text[]) as stripe_refund_id,
               pg_catalog.unnest($13::pg_catalog.text[]) as stripe_dispute_id,
               pg_catalog.unnest($14::pg_catalog.text[]) as stripe_subscription_id,
               pg_catalog.unnest($15::pg_catalog.text[]) as stripe_product_id,
               pg_catalog.unnest($16::pg_catalog.text[]) as stripe_price_id, pg_catalog.unnest($17::bigint[]) as amount,
               pg_catalog.unnest($18::bigint[]) as amount_refunded, pg_catalog.unnest($19::pg_catalog.text[]) as currency,
               pg_catalog.unnest($20::pg_catalog.text[]) as description,
               pg_catalog.unnest($21::pg_catalog.text[]) as dispute_status,
               pg_catalog.unnest($22::pg_catalog.timestamptz[]) as paid_at,
               pg_catalog.unnest($23::pg_catalog.timestamptz[]) as failed_at,
               pg_catalog.unnest($24::pg_catalog.timestamptz[]) as refunded_at,
               pg_catalog.unnest($25::pg_catalog.timestamptz[]) as stripe_created_at, pg_catalog.unnest($26::bigint[]) as shortfall,
               pg_catalog.unnest($27::bigint[]) as subtotal, pg_catalog.unnest($28::bigint[]) as amount_lost,
               pg_catalog.unnest($29::boolean[]) as lost_in_other_currency, pg_catalog.unnest($30::pg_catalog.text[]) as line_items,
               pg_catalog.unnest($31::pg_catalog.text[]) as invoice_lines,
               pg_catalog.unnest($32::pg_catalog.timestamptz[]) as lost_at,
               pg_catalog.unnest($33::boolean[]) as by_backend) as n
 where p.id operator(pg_catalog.=) n.id::pg_catalog.uuid
   and row(p.type, p.status, p.subject_type, p.subject_id, p.stripe_customer_id, p.customer_email_snapshot,
        p.stripe_checkout_session_id, p.stripe_payment_intent_id, p.stripe_invoice_id, p.stripe_charge_id, p.stripe_refund_id,
        p.stripe_dispute_id, p.stripe_subscription_id, p.stripe_product_id, p.stripe_price_id, p.amount, p.amount_refunded,
        p.currency, p.description, p.dispute_status, p.paid_at, p.failed_at, p.refunded_at, p.stripe_created_at, p.shortfall,
        p.subtotal, p.amount_lost, p.lost_in_other_currency, p.line_items, p.invoice_lines, p.lost_at, p.by_backend)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(n.type, n.status, n.subject_type, n.subject_id, n.stripe_customer_id, n.customer_email_snapshot,
        n.stripe_checkout_session_id, n.stripe_payment_intent_id, n.stripe_invoice_id, n.stripe_charge_id, n.stripe_refund_id,
        n.stripe_dispute_id, n.stripe_subscription_id, n.stripe_product_id, n.stripe_price_id, n.amount, n.amount_refunded,
        n.currency, n.description, n.dispute_status, n.paid_at, n.failed_at, n.refunded_at, n.stripe_created_at, n.shortfall,
        n.subtotal, n.amount_lost, n.lost_in_other_currency, n.line_items::pg_catalog.jsonb, n.invoice_lines::pg_catalog.jsonb,
        n.lost_at, n.by_backend);

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
