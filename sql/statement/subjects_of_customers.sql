-- subjects_of_customers: whom customers' mappings name (JSON objects). $1 environment text, $2 customers text[]
select pg_catalog.json_build_object('of', m.stripe_customer_id, 'subject_type', m.subject_type,
                                    'subject_id', m.subject_id)::pg_catalog.text
  from payments.stripe_customer_mappings m
 where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_customer_id operator(pg_catalog.=) any ($2)
