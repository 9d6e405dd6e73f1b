-- write_subscription: a subscription's mirror, where it differs; whom its metadata does not name, its customer's mapping does.
-- $1 environment text, $2 row text (JSON; times in Unix seconds), $3 the object text (JSON), $4 subject_type text, $5 subject_id text
insert into payments.subscriptions as m
  (environment, stripe_subscription_id, stripe_customer_id, subject_type, subject_id, status, current_period_start,
   current_period_end, cancel_at_period_end, cancel_at, canceled_at, trial_start, trial_end, latest_invoice_id, metadata, raw)
select $1, r.stripe_subscription_id, r.stripe_customer_id,
       coalesce($4, c.subject_type), coalesce($5, c.subject_id),
       r.status, pg_catalog.to_timestamp(r.current_period_start), pg_catalog.to_timestamp(r.current_period_end),
       r.cancel_at_period_end, pg_catalog.to_timestamp(r.cancel_at), pg_catalog.to_timestamp(r.canceled_at),
       pg_catalog.to_timestamp(r.trial_start), pg_catalog.to_timestamp(r.trial_end), r.latest_invoice_id, r.metadata, $3::pg_catalog.jsonb
  from pg_catalog.jsonb_to_record($2::pg_catalog.jsonb) as r (
         stripe_subscription_id pg_catalog.text, stripe_customer_id pg_catalog.text, status pg_catalog.text, current_period_start bigint,
         current_period_end bigint, cancel_at_period_end boolean, cancel_at bigint, canceled_at bigint, trial_start bigint,
         trial_end bigint, latest_invoice_id pg_catalog.text, metadata pg_catalog.jsonb)
  left join lateral (
    select o.subject_type, o.subject_id
      from payments.stripe_customer_mappings o
     where (o.environment operator(pg_catalog.=) $1) is true and o.stripe_customer_id operator(pg_catalog.=) r.stripe_customer_id offset 0
  ) as c on true
on conflict (environment, stripe_subscription_id) do update
   set (stripe_customer_id, subject_type, subject_id, status, current_period_start, current_period_end,
        cancel_at_period_end, cancel_at, canceled_at, trial_start, trial_end, latest_invoice_id, metadata, raw, synced_at, updated_at)
     = (excluded.stripe_customer_id, excluded.subject_type, excluded.subject_id, excluded.status,
        excluded.current_period_start, excluded.current_period_end, excluded.cancel_at_period_end, excluded.cancel_at,
        excluded.canceled_at, excluded.trial_start, excluded.trial_end, excluded.latest_invoice_id, excluded.metadata,
        excluded.raw, excluded.synced_at, pg_catalog.now())
 where row(m.stripe_customer_id, m.subject_type, m.subject_id, m.status, m.current_period_start, m.current_period_end,
        m.cancel_at_period_end, m.cancel_at, m.canceled_at, m.trial_start, m.trial_end, m.latest_invoice_id, m.metadata, m.raw)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.stripe_customer_id, excluded.subject_type, excluded.subject_id, excluded.status,
        excluded.current_period_start, excluded.current_period_end, excluded.cancel_at_period_end, excluded.cancel_at,
        excluded.canceled_at, excluded.trial_start, excluded.trial_end, excluded.latest_invoice_id, excluded.metadata,
        excluded.raw)
