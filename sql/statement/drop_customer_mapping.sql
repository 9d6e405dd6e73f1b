-- drop_customer_mapping: a deleted customer's mapping goes; tells whose it was. $1 environment text, $2 stripe_customer_id text
delete from payments.stripe_customer_mappings m
 where m.environment is not distinct from $1 and m.stripe_customer_id = $2
returning pg_catalog.json_build_object('subject_type'::text, m.subject_type, 'subject_id'::text, m.subject_id)::text
