-- write_product: a product's mirror, where it differs. $1 environment text, $2 row text (JSON; times in Unix seconds), $3 the object text (JSON)
insert into payments.products as m
  (environment, stripe_product_id, name, description, active, default_price_id, metadata, raw)
select $1, r.stripe_product_id, r.name, r.description, r.active, r.default_price_id, r.metadata, $3::pg_catalog.jsonb
  from pg_catalog.jsonb_to_record($2::pg_catalog.jsonb) as r (stripe_product_id pg_catalog.text, name pg_catalog.text, description pg_catalog.text,
       active boolean, default_price_id pg_catalog.text, metadata pg_catalog.jsonb)
on conflict (environment, stripe_product_id) do update
   set (name, description, active, default_price_id, metadata, raw, synced_at, updated_at)
     = (excluded.name, excluded.description, excluded.active, excluded.default_price_id, excluded.metadata, excluded.raw, excluded.synced_at, pg_catalog.now())
 where row(m.name, m.description, m.active, m.default_price_id, m.metadata, m.raw)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.name, excluded.description, excluded.active, excluded.default_price_id, excluded.metadata, excluded.raw)
