-- write_mapping: a mapping that a claim makes, or its earlier evidence; an admin's own stays as it is. $1 environment text, $2 claim text (JSON)
insert into payments.stripe_customer_mappings as m
  (environment, subject_type, subject_id, stripe_customer_id, evidence_created, evidence_event_id)
select $1, r.*
  from pg_catalog.jsonb_to_record($2::pg_catalog.jsonb) as r (
    subject_type pg_catalog.text, subject_id pg_catalog.text, stripe_customer_id pg_catalog.text, evidence_created bigint, evidence_event_id pg_catalog.text)
on conflict (environment, subject_type, subject_id) do update
   set (evidence_created, evidence_event_id) = (excluded.evidence_created, excluded.evidence_event_id)
 where m.stripe_customer_id operator(pg_catalog.=) excluded.stripe_customer_id and m.evidence_event_id is not null
   and row(m.evidence_created, m.evidence_event_id)::pg_catalog.record
       operator(pg_catalog.*<>) row(excluded.evidence_created, excluded.evidence_event_id)
