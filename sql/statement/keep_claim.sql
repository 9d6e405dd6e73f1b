-- keep_claim: what a completed session says of subject and customer, where that is news or earlier evidence. $1 environment text, $2 claim text (JSON)
insert into payments.mapping_claims as c
  (environment, stripe_checkout_session_id, subject_type, subject_id, stripe_customer_id, evidence_created, evidence_event_id)
select $1, r.*
  from pg_catalog.jsonb_to_record($2::pg_catalog.jsonb) as r (
    stripe_checkout_session_id pg_catalog.text, subject_type pg_catalog.text, subject_id pg_catalog.text, stripe_customer_id pg_catalog.text,
         evidence_created bigint,
    evidence_event_id pg_catalog.text)
on conflict (environment, stripe_checkout_session_id) do update
   set (subject_type, subject_id, stripe_customer_id, evidence_created, evidence_event_id)
     = (excluded.subject_type, excluded.subject_id, excluded.stripe_customer_id, excluded.evidence_created,
        excluded.evidence_event_id)
 where row(c.subject_type, c.subject_id, c.stripe_customer_id, c.evidence_created, c.evidence_event_id)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.subject_type, excluded.subject_id, excluded.stripe_customer_id, excluded.evidence_created,
        excluded.evidence_event_id)
