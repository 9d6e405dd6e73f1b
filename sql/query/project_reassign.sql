-- attribute_subscriptions: a customer's subscriptions get their subjects, from their metadata, else from the mapping.
-- $1 environment text, $2 stripe_customer_id text, $3 metadata prefixes text[]
with whose as materialized (
  select s.id, coalesce(said.subject_type, m.subject_type) as subject_type, coalesce(said.subject_id, m.subject_id) as subject_id
    from payments.subscriptions s
    left join lateral (
      select s.metadata operator(pg_catalog.->>) (p.prefix operator(pg_catalog.||) 'subject_type') as subject_type,
             s.metadata operator(pg_catalog.->>) (p.prefix operator(pg_catalog.||) 'subject_id') as subject_id
        from pg_catalog.unnest($3) with ordinality as p (prefix, place)
       where (s.metadata operator(pg_catalog.->>) (p.prefix operator(pg_catalog.||) 'subject_type')) operator(pg_catalog.<>) ''
         and (s.metadata operator(pg_catalog.->>) (p.prefix operator(pg_catalog.||) 'subject_id')) operator(pg_catalog.<>) ''
       order by p.place
       limit 1) as said on true
    left join payments.stripe_customer_mappings m
      on (m.environment operator(pg_catalog.=) $1) is true and m.stripe_customer_id operator(pg_catalog.=) s.stripe_customer_id
   where (s.environment operator(pg_catalog.=) $1) is true and s.stripe_customer_id operator(pg_catalog.=) $2
)
update payments.subscriptions s
   set subject_type = w.subject_type, subject_id = w.subject_id, updated_at = pg_catalog.now()
  from whose w
 where s.id operator(pg_catalog.=) w.id and row(s.subject_type, s.subject_id)::pg_catalog.record operator(pg_catalog.*<>) row(w.subject_type, w.subject_id);
