-- attribute_subscriptions: a customer's subscriptions get their subjects, from their metadata, else from the mapping.
-- $1 environment text, $2 stripe_customer_id text, $3 metadata prefix text
with whose as materialized (
  select s.id,
         case when n.named then s.metadata ->> ($3 || 'subject_type'::text) else m.subject_type end as subject_type,
         case when n.named then s.metadata ->> ($3 || 'subject_id'::text) else m.subject_id end as subject_id
    from payments.subscriptions s
    cross join lateral (
      select coalesce(s.metadata ->> ($3 || 'subject_type'::text) <> ''::text
                      and s.metadata ->> ($3 || 'subject_id'::text) <> ''::text, false)) as n (named)
    left join payments.stripe_customer_mappings m
      on m.environment is not distinct from $1 and m.stripe_customer_id = s.stripe_customer_id
   where s.environment is not distinct from $1 and s.stripe_customer_id = $2
)
update payments.subscriptions s
   set subject_type = w.subject_type, subject_id = w.subject_id, updated_at = pg_catalog.now()
  from whose w
 where s.id = w.id and (s.subject_type, s.subject_id) is distinct from (w.subject_type, w.subject_id)
