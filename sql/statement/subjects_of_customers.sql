-- subjects_of_customers: whom customers' mappings name (JSON objects). $1 environment text, $2 customers text[]
select pg_catalog.json_build_object('of'::text, m.stripe_customer_id, 'subject_type'::text, m.subject_type,
                                    'subject_id'::text, m.subject_id)::text
  from payments.stripe_customer_mappings m
 where m.environment is not distinct from $1 and m.stripe_customer_id = any ($2)
