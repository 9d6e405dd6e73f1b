-- drop_mapping: a derived mapping that stands no more. $1 environment text, $2 subject_type text, $3 subject_id text, $4 stripe_customer_id text
delete from payments.stripe_customer_mappings m
 where (m.environment operator(pg_catalog.=) $1) is true and m.subject_type operator(pg_catalog.=) $2 and m.subject_id operator(pg_catalog.=) $3
   and m.stripe_customer_id operator(pg_catalog.=) $4
   and m.evidence_event_id is not null
