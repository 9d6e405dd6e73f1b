-- claims_around: the claims and mappings connected with a subject or a customer, directly or through one another.
-- Those of deleted customers count no more. $1 environment text, $2 subject_type text, $3 subject_id text, $4 stripe_customer_id text
with recursive around (kind, subject_type, subject_id, stripe_customer_id, stripe_checkout_session_id, evidence_created,
                       evidence_event_id) as (
  values ('asked'::pg_catalog.text, $2, $3, $4, null::pg_catalog.text, null::bigint, null::pg_catalog.text)
  union
  select f.*
    from around k
    cross join lateral (
      select 'claim'::pg_catalog.text, c.subject_type, c.subject_id, c.stripe_customer_id, c.stripe_checkout_session_id,
             c.evidence_created, c.evidence_event_id
        from payments.mapping_claims c
       where (c.environment operator(pg_catalog.=) $1) is true and c.subject_type operator(pg_catalog.=) k.subject_type
         and c.subject_id operator(pg_catalog.=) k.subject_id
      union all
      select 'claim'::pg_catalog.text, c.subject_type, c.subject_id, c.stripe_customer_id, c.stripe_checkout_session_id,
             c.evidence_created, c.evidence_event_id
        from payments.mapping_claims c
       where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_customer_id operator(pg_catalog.=) k.stripe_customer_id
      union all
      select case when m.evidence_event_id is null then 'fixed'::pg_catalog.text else 'derived'::pg_catalog.text end, m.subject_type, m.subject_id,
             m.stripe_customer_id, null, m.evidence_created, m.evidence_event_id
        from payments.stripe_customer_mappings m
       where (m.environment operator(pg_catalog.=) $1) is true and m.subject_type operator(pg_catalog.=) k.subject_type
         and m.subject_id operator(pg_catalog.=) k.subject_id
      union all
      select case when m.evidence_event_id is null then 'fixed'::pg_catalog.text else 'derived'::pg_catalog.text end, m.subject_type, m.subject_id,
             m.stripe_customer_id, null, m.evidence_created, m.evidence_event_id
        from payments.stripe_customer_mappings m
       where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_customer_id operator(pg_catalog.=) k.stripe_customer_id
    ) as f (kind, subject_type, subject_id, stripe_customer_id, stripe_checkout_session_id, evidence_created, evidence_event_id)
   where not coalesce((select d.deleted from payments.customers d
                        where (d.environment operator(pg_catalog.=) $1) is true and d.stripe_customer_id operator(pg_catalog.=) f.stripe_customer_id), false)
)
select pg_catalog.json_build_object(
  'claims', coalesce(pg_catalog.json_agg(pg_catalog.to_json(a.*)) filter (where a.kind operator(pg_catalog.=) 'claim'), '[]'::pg_catalog.json),
  'fixed', coalesce(pg_catalog.json_agg(pg_catalog.to_json(a.*)) filter (where a.kind operator(pg_catalog.=) 'fixed'), '[]'::pg_catalog.json),
  'derived', coalesce(pg_catalog.json_agg(pg_catalog.to_json(a.*)) filter (where a.kind operator(pg_catalog.=) 'derived'), '[]'::pg_catalog.json))::pg_catalog.text
  from around a
