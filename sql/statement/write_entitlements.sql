-- write_entitlements: a customer's active entitlements become this list. $1 environment text, $2 stripe_customer_id text, $3 entitlements text (JSON)
with listed as materialized (
  select distinct on (r.lookup_key) r.* from pg_catalog.jsonb_to_recordset($3::pg_catalog.jsonb) as r (
    stripe_entitlement_id pg_catalog.text, stripe_feature_id pg_catalog.text, lookup_key pg_catalog.text)
   order by r.lookup_key, r.stripe_entitlement_id
), gone as (
  delete from payments.active_entitlements e
   where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_customer_id operator(pg_catalog.=) $2
     and not exists (select from listed l where l.lookup_key operator(pg_catalog.=) e.lookup_key)
)
insert into payments.active_entitlements as e
  (environment, stripe_customer_id, lookup_key, stripe_entitlement_id, stripe_feature_id)
select $1, $2, l.lookup_key, l.stripe_entitlement_id, l.stripe_feature_id from listed l
on conflict (environment, stripe_customer_id, lookup_key) do update
   set (stripe_entitlement_id, stripe_feature_id) = (excluded.stripe_entitlement_id, excluded.stripe_feature_id)
 where row(e.stripe_entitlement_id, e.stripe_feature_id)::pg_catalog.record
       operator(pg_catalog.*<>) row(excluded.stripe_entitlement_id, excluded.stripe_feature_id)
