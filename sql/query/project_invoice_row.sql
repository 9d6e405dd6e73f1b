-- write_invoice: an invoice's mirror, where it differs. $1 environment text, $2 stripe_invoice_id text, $3 number text,
-- $4 status text, $5 stripe_customer_id text, $6 stripe_subscription_id text, $7 subject_type text, $8 subject_id text,
-- $9 currency text, $10 amount_due bigint, $11 amount_paid bigint, $12 amount_remaining bigint, $13 period_start timestamptz,
-- $14 period_end timestamptz, $15 due_date timestamptz, $16 hosted_invoice_url text,
-- $17 hosted_invoice_url_expires_at timestamptz, $18 invoice_pdf text
insert into payments.invoices as m
  (environment, stripe_invoice_id, number, status, stripe_customer_id, stripe_subscription_id, subject_type, subject_id, currency,
   amount_due, amount_paid, amount_remaining, period_start, period_end, due_date, hosted_invoice_url,
   hosted_invoice_url_expires_at, invoice_pdf)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
on conflict (environment, stripe_invoice_id) do update
   set (number, status, stripe_customer_id, stripe_subscription_id, subject_type, subject_id, currency, amount_due, amount_paid,
        amount_remaining, period_start, period_end, due_date, hosted_invoice_url, hosted_invoice_url_expires_at, invoice_pdf,
        synced_at, updated_at)
     = (excluded.number, excluded.status, excluded.stripe_customer_id, excluded.stripe_subscription_id, excluded.subject_type,
        excluded.subject_id, excluded.currency, excluded.amount_due, excluded.amount_paid, excluded.amount_remaining,
        excluded.period_start, excluded.period_end, excluded.due_date, excluded.hosted_invoice_url,
        excluded.hosted_invoice_url_expires_at, excluded.invoice_pdf, excluded.synced_at, pg_catalog.now())
 where row(m.number, m.status, m.stripe_customer_id, m.stripe_subscription_id, m.subject_type, m.subject_id, m.currency,
        m.amount_due, m.amount_paid, m.amount_remaining, m.period_start, m.period_end, m.due_date, m.hosted_invoice_url,
        m.hosted_invoice_url_expires_at, m.invoice_pdf)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.number, excluded.status, excluded.stripe_customer_id, excluded.stripe_subscription_id, excluded.subject_type,
        excluded.subject_id, excluded.currency, excluded.amount_due, excluded.amount_paid, excluded.amount_remaining,
        excluded.period_start, excluded.period_end, excluded.due_date, excluded.hosted_invoice_url,
        excluded.hosted_invoice_url_expires_at, excluded.invoice_pdf);

-- delete_invoice: the row of a draft that was deleted. $1 environment text, $2 stripe_invoice_id text
delete from payments.invoices m
 where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_invoice_id operator(pg_catalog.=) $2;
