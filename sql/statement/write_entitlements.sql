-- write_entitlements: a customer's active entitlements become this list. $1 environment text, $2 stripe_customer_id text, $3 entitlements text (JSON)
with listed as materialized (
  select distinct on (r.lookup_key) r.* from pg_catalog.jsonb_to_recordset($3::jsonb) as r (
    stripe_entitlement_id text, stripe_feature_id text, lookup_key text)
   order by r.lookup_key, r.stripe_entitlement_id
), gone as (
  delete from payments.active_entitlements e
   where e.environment is not distinct from $1 and e.stripe_customer_id = $2
     and not exists (select from listed l where l.lookup_key = e.lookup_key)
)
insert into payments.active_entitlements as e
  (environment, stripe_customer_id, lookup_key, stripe_entitlement_id, stripe_feature_id)
select $1, $2, l.lookup_key, l.stripe_entitlement_id, l.stripe_feature_id from listed l
on conflict (environment, stripe_customer_id, lookup_key) do update
   set (stripe_entitlement_id, stripe_feature_id) = (excluded.stripe_entitlement_id, excluded.stripe_feature_id)
 where (e.stripe_entitlement_id, e.stripe_feature_id)
       is distinct from (excluded.stripe_entitlement_id, excluded.stripe_feature_id)
