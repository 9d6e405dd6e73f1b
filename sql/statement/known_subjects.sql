-- known_subjects: every subject of a type that a session, a mapping or a subscription names. $1 subject_type text
select s.subject_id from payments.checkout_sessions s where s.subject_type operator(pg_catalog.=) $1 and s.subject_id is not null
union
select s.subject_id from payments.customer_portal_sessions s where s.subject_type operator(pg_catalog.=) $1 and s.subject_id is not null
union
select s.subject_id from payments.stripe_customer_mappings s where s.subject_type operator(pg_catalog.=) $1 and s.subject_id is not null
union
select s.subject_id from payments.subscriptions s where s.subject_type operator(pg_catalog.=) $1 and s.subject_id is not null
