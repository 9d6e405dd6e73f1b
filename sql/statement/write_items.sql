-- write_items: a subscription's items become this list. $1 environment text, $2 stripe_subscription_id text, $3 items text (JSON)
with listed as materialized (
  select r.* from pg_catalog.jsonb_to_recordset($3::pg_catalog.jsonb) as r (
    stripe_subscription_item_id pg_catalog.text, stripe_subscription_id pg_catalog.text, stripe_product_id pg_catalog.text, stripe_price_id pg_catalog.text,
    quantity bigint, metadata pg_catalog.jsonb, raw pg_catalog.jsonb)
), gone as (
  delete from payments.subscription_items i
   where (i.environment operator(pg_catalog.=) $1) is true and i.stripe_subscription_id operator(pg_catalog.=) $2
     and not exists (select from listed l where l.stripe_subscription_item_id operator(pg_catalog.=) i.stripe_subscription_item_id)
)
insert into payments.subscription_items as i
  (environment, stripe_subscription_item_id, stripe_subscription_id, stripe_product_id, stripe_price_id, quantity, metadata, raw)
select $1, l.stripe_subscription_item_id, l.stripe_subscription_id, l.stripe_product_id, l.stripe_price_id, l.quantity,
       l.metadata, l.raw
  from listed l
on conflict (environment, stripe_subscription_item_id) do update
   set (stripe_subscription_id, stripe_product_id, stripe_price_id, quantity, metadata, raw, updated_at)
     = (excluded.stripe_subscription_id, excluded.stripe_product_id, excluded.stripe_price_id, excluded.quantity,
        excluded.metadata, excluded.raw, pg_catalog.now())
 where row(i.stripe_subscription_id, i.stripe_product_id, i.stripe_price_id, i.quantity, i.metadata, i.raw)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.stripe_subscription_id, excluded.stripe_product_id, excluded.stripe_price_id, excluded.quantity,
        excluded.metadata, excluded.raw)
