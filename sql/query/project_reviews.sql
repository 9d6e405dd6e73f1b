-- write_reviews: replaces the reviews of these credit notes and warnings by this list, where it differs.
-- $1 environment text, $2 the sources of all that could be asked text[], $3 what is asked text (JSON)
with listed as materialized (
  select r.source, r.item, r.reason, r.amount_due, r.currency
    from pg_catalog.jsonb_to_recordset($3::pg_catalog.jsonb) as r (
      source pg_catalog.text, item pg_catalog.text, reason pg_catalog.text, amount_due bigint, currency pg_catalog.text)
), gone as (
  delete from payments.fulfillments f
   where (f.environment operator(pg_catalog.=) $1) is true and f.source operator(pg_catalog.=) any ($2 collate pg_catalog."C")
     and f.kind operator(pg_catalog.=) 'payments'
     and not exists (select from listed l where l.source operator(pg_catalog.=) f.source and l.item operator(pg_catalog.=) f.item)
)
insert into payments.fulfillments as f
  (environment, source, kind, target_table, item, state, reason, amount_due, currency)
select $1, l.source, 'payments', 'payments.payment_history', l.item, 'needs_review', l.reason, l.amount_due, l.currency
  from listed l
on conflict (environment, source, kind, target_table, item) do update
   set reason = excluded.reason, amount_due = excluded.amount_due, currency = excluded.currency, updated_at = pg_catalog.now()
 where row(f.reason, f.amount_due, f.currency)::pg_catalog.record
       operator(pg_catalog.*<>) row(excluded.reason, excluded.amount_due, excluded.currency);
