-- drop_customer_mapping: a deleted customer's mapping goes; tells whose it was. $1 environment text, $2 stripe_customer_id text
delete from payments.stripe_customer_mappings m
 where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_customer_id operator(pg_catalog.=) $2
returning pg_catalog.json_build_object('subject_type', m.subject_type, 'subject_id', m.subject_id)::pg_catalog.text
