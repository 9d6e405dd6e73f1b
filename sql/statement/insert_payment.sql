-- insert_payment: a payment's first row. $1 environment text, $2 row text (JSON; times in Unix seconds)
insert into payments.payment_history
  (environment,
   type, status, subject_type, subject_id, stripe_customer_id, customer_email_snapshot,
   stripe_checkout_session_id, stripe_payment_intent_id, stripe_invoice_id, stripe_charge_id, stripe_refund_id,
   stripe_dispute_id, stripe_subscription_id, stripe_product_id, stripe_price_id, amount, amount_refunded,
   currency, description, dispute_status, paid_at, failed_at, refunded_at, stripe_created_at, raw)
select $1, n.*
  from (
  select r.type, r.status, r.subject_type, r.subject_id, r.stripe_customer_id, r.customer_email_snapshot,
       r.stripe_checkout_session_id, r.stripe_payment_intent_id, r.stripe_invoice_id, r.stripe_charge_id,
       r.stripe_refund_id, r.stripe_dispute_id, r.stripe_subscription_id, r.stripe_product_id,
       r.stripe_price_id, r.amount, r.amount_refunded, r.currency, r.description, r.dispute_status,
       pg_catalog.to_timestamp(r.paid_at) as paid_at, pg_catalog.to_timestamp(r.failed_at) as failed_at,
       pg_catalog.to_timestamp(r.refunded_at) as refunded_at,
       pg_catalog.to_timestamp(r.stripe_created_at) as stripe_created_at, r.raw
    from pg_catalog.jsonb_to_record($2::jsonb) as r (
         type text, status text, subject_type text, subject_id text, stripe_customer_id text,
         customer_email_snapshot text, stripe_checkout_session_id text, stripe_payment_intent_id text,
         stripe_invoice_id text, stripe_charge_id text, stripe_refund_id text, stripe_dispute_id text,
         stripe_subscription_id text, stripe_product_id text, stripe_price_id text, amount bigint,
         amount_refunded bigint, currency text, description text, dispute_status text, paid_at bigint,
         failed_at bigint, refunded_at bigint, stripe_created_at bigint, raw jsonb)
  ) as n
