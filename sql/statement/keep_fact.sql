-- keep_fact: what one object says of a payment; a back-fill's word replaces the back-fill's before it.
-- $1 environment text, $2 object_id text, $3 event_id text, $4 object_type text, $5 group_id text, $6 stripe_customer_id text,
-- $7 stripe_subscription_id text, $8 keys text[], $9 statement text (JSON)
insert into payments.facts as f
  (environment, object_id, event_id, object_type, group_id, stripe_customer_id, stripe_subscription_id, keys, statement)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9::pg_catalog.json)
on conflict (environment, object_id, event_id) do update
   set group_id = excluded.group_id,
       stripe_customer_id = excluded.stripe_customer_id,
       stripe_subscription_id = excluded.stripe_subscription_id,
       keys = excluded.keys,
       statement = excluded.statement
