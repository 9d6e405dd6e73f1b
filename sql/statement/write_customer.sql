-- write_customer: a customer's mirror, where it differs. $1 environment text, $2 row text (JSON; times in Unix seconds), $3 the object text (JSON)
insert into payments.customers as m
  (environment, stripe_customer_id, email, name, phone, deleted, metadata, stripe_created_at, raw)
select $1, r.stripe_customer_id, r.email, r.name, r.phone, r.deleted, r.metadata,
       pg_catalog.to_timestamp(r.stripe_created_at), $3::pg_catalog.jsonb
  from pg_catalog.jsonb_to_record($2::pg_catalog.jsonb) as r (stripe_customer_id pg_catalog.text, email pg_catalog.text, name pg_catalog.text,
       phone pg_catalog.text, deleted boolean, metadata pg_catalog.jsonb, stripe_created_at
       bigint)
on conflict (environment, stripe_customer_id) do update
   set (email, name, phone, deleted, metadata, stripe_created_at, raw, synced_at, updated_at)
     = (excluded.email, excluded.name, excluded.phone, excluded.deleted, excluded.metadata, excluded.stripe_created_at, excluded.raw,
        excluded.synced_at, pg_catalog.now())
 where row(m.email, m.name, m.phone, m.deleted, m.metadata, m.stripe_created_at, m.raw)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.email, excluded.name, excluded.phone, excluded.deleted, excluded.metadata, excluded.stripe_created_at, excluded.raw)
