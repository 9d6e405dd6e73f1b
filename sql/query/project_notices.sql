-- write_notices: replaces the notices about these invoices, sessions or subscriptions by this list, where it differs.
-- $1 environment text, $2 what it is about text[], $3 notices text (JSON; times in Unix seconds)
with listed as materialized (
  select r.kind, r.source, r.about, r.stripe_customer_id, r.stripe_subscription_id, r.stripe_invoice_id, r.stripe_checkout_session_id,
         r.amount_due, r.currency, r.attempt, pg_catalog.to_timestamp(r.next_attempt_at) as next_attempt_at, r.hosted_invoice_url,
         pg_catalog.to_timestamp(r.happens_at) as happens_at, r.is_ending, r.reason
    from pg_catalog.jsonb_to_recordset($3::pg_catalog.jsonb) as r (
      kind pg_catalog.text, source pg_catalog.text, about pg_catalog.text, stripe_customer_id pg_catalog.text,
      stripe_subscription_id pg_catalog.text, stripe_invoice_id pg_catalog.text, stripe_checkout_session_id pg_catalog.text,
      amount_due bigint, currency pg_catalog.text, attempt bigint, next_attempt_at bigint, hosted_invoice_url pg_catalog.text,
      happens_at bigint, is_ending boolean, reason pg_catalog.text)
), gone as (
  delete from payments.notices n
   where (n.environment operator(pg_catalog.=) $1) is true and n.about operator(pg_catalog.=) any ($2 collate pg_catalog."C")
     and not exists (select from listed l where l.source operator(pg_catalog.=) n.source and l.kind operator(pg_catalog.=) n.kind)
)
insert into payments.notices as n
  (environment, kind, source, about, stripe_customer_id, stripe_subscription_id, stripe_invoice_id, stripe_checkout_session_id,
   amount_due, currency, attempt, next_attempt_at, hosted_invoice_url, happens_at, is_ending, reason)
select $1, l.kind, l.source, l.about, l.stripe_customer_id, l.stripe_subscription_id, l.stripe_invoice_id,
       l.stripe_checkout_session_id, l.amount_due, l.currency, l.attempt, l.next_attempt_at, l.hosted_invoice_url, l.happens_at,
       l.is_ending, l.reason
  from listed l
on conflict (about, source, kind, environment) do update
   set (stripe_customer_id, stripe_subscription_id, stripe_invoice_id, stripe_checkout_session_id, amount_due, currency, attempt,
        next_attempt_at, hosted_invoice_url, happens_at, is_ending, reason, updated_at)
     = (excluded.stripe_customer_id, excluded.stripe_subscription_id, excluded.stripe_invoice_id, excluded.stripe_checkout_session_id,
        excluded.amount_due, excluded.currency, excluded.attempt, excluded.next_attempt_at, excluded.hosted_invoice_url,
        excluded.happens_at, excluded.is_ending, excluded.reason, pg_catalog.now())
 where row(n.stripe_customer_id, n.stripe_subscription_id, n.stripe_invoice_id, n.stripe_checkout_session_id, n.amount_due,
        n.currency, n.attempt, n.next_attempt_at, n.hosted_invoice_url, n.happens_at, n.is_ending, n.reason)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.stripe_customer_id, excluded.stripe_subscription_id, excluded.stripe_invoice_id,
        excluded.stripe_checkout_session_id, excluded.amount_due, excluded.currency, excluded.attempt, excluded.next_attempt_at,
        excluded.hosted_invoice_url, excluded.happens_at, excluded.is_ending, excluded.reason);
