-- claims_around: the claims and mappings connected with a subject or a customer, directly or through one another.
-- Those of deleted customers count no more. $1 environment text, $2 subject_type text, $3 subject_id text, $4 stripe_customer_id text
with recursive around (kind, subject_type, subject_id, stripe_customer_id, stripe_checkout_session_id, evidence_created,
                       evidence_event_id) as (
  values ('asked'::text, $2, $3, $4, null::text, null::bigint, null::text)
  union
  select f.*
    from around k
    cross join lateral (
      select 'claim'::text, c.subject_type, c.subject_id, c.stripe_customer_id, c.stripe_checkout_session_id,
             c.evidence_created, c.evidence_event_id
        from payments.mapping_claims c
       where c.environment is not distinct from $1 and c.subject_type = k.subject_type and c.subject_id = k.subject_id
      union all
      select 'claim'::text, c.subject_type, c.subject_id, c.stripe_customer_id, c.stripe_checkout_session_id,
             c.evidence_created, c.evidence_event_id
        from payments.mapping_claims c
       where c.environment is not distinct from $1 and c.stripe_customer_id = k.stripe_customer_id
      union all
      select case when m.evidence_event_id is null then 'fixed'::text else 'derived'::text end, m.subject_type, m.subject_id,
             m.stripe_customer_id, null, m.evidence_created, m.evidence_event_id
        from payments.stripe_customer_mappings m
       where m.environment is not distinct from $1 and m.subject_type = k.subject_type and m.subject_id = k.subject_id
      union all
      select case when m.evidence_event_id is null then 'fixed'::text else 'derived'::text end, m.subject_type, m.subject_id,
             m.stripe_customer_id, null, m.evidence_created, m.evidence_event_id
        from payments.stripe_customer_mappings m
       where m.environment is not distinct from $1 and m.stripe_customer_id = k.stripe_customer_id
    ) as f (kind, subject_type, subject_id, stripe_customer_id, stripe_checkout_session_id, evidence_created, evidence_event_id)
   where not coalesce((select d.deleted from payments.customers d
                        where d.environment is not distinct from $1 and d.stripe_customer_id = f.stripe_customer_id), false)
)
select pg_catalog.json_build_object(
  'claims'::text, coalesce(pg_catalog.json_agg(pg_catalog.to_json(a.*)) filter (where a.kind = 'claim'::text), '[]'::json),
  'fixed'::text, coalesce(pg_catalog.json_agg(pg_catalog.to_json(a.*)) filter (where a.kind = 'fixed'::text), '[]'::json),
  'derived'::text, coalesce(pg_catalog.json_agg(pg_catalog.to_json(a.*)) filter (where a.kind = 'derived'::text), '[]'::json))::text
  from around a
