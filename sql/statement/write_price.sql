-- write_price: a price's mirror, where it differs. $1 environment text, $2 row text (JSON; times in Unix seconds), $3 the object text (JSON)
insert into payments.prices as m
  (environment, stripe_price_id, stripe_product_id, active, currency, unit_amount, unit_amount_decimal, type, lookup_key,
   billing_scheme, tax_behavior, recurring_interval, recurring_interval_count, metadata, raw)
select $1, r.stripe_price_id, r.stripe_product_id, r.active, r.currency, r.unit_amount, r.unit_amount_decimal, r.type,
       r.lookup_key, r.billing_scheme, r.tax_behavior, r.recurring_interval, r.recurring_interval_count, r.metadata, $3::pg_catalog.jsonb
  from pg_catalog.jsonb_to_record($2::pg_catalog.jsonb) as r (stripe_price_id pg_catalog.text, stripe_product_id pg_catalog.text, active boolean,
       currency pg_catalog.text, unit_amount bigint,
       unit_amount_decimal pg_catalog.text, type pg_catalog.text, lookup_key pg_catalog.text, billing_scheme pg_catalog.text, tax_behavior pg_catalog.text,
       recurring_interval pg_catalog.text, recurring_interval_count integer, metadata pg_catalog.jsonb)
on conflict (environment, stripe_price_id) do update
   set (stripe_product_id, active, currency, unit_amount, unit_amount_decimal, type, lookup_key, billing_scheme,
        tax_behavior, recurring_interval, recurring_interval_count, metadata, raw, synced_at, updated_at)
     = (excluded.stripe_product_id, excluded.active, excluded.currency, excluded.unit_amount,
        excluded.unit_amount_decimal, excluded.type, excluded.lookup_key, excluded.billing_scheme,
        excluded.tax_behavior, excluded.recurring_interval, excluded.recurring_interval_count, excluded.metadata, excluded.raw, excluded.synced_at, pg_catalog.now())
 where row(m.stripe_product_id, m.active, m.currency, m.unit_amount, m.unit_amount_decimal, m.type, m.lookup_key,
        m.billing_scheme, m.tax_behavior, m.recurring_interval, m.recurring_interval_count, m.metadata, m.raw)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.stripe_product_id, excluded.active, excluded.currency, excluded.unit_amount,
        excluded.unit_amount_decimal, excluded.type, excluded.lookup_key, excluded.billing_scheme,
        excluded.tax_behavior, excluded.recurring_interval, excluded.recurring_interval_count, excluded.metadata, excluded.raw)
