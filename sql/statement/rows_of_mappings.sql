-- rows_of_mappings: the mappings of an environment, as they are stored. $1 environment text
select pg_catalog.json_build_object('relation', 'stripe_customer_mappings',
         'key', m.subject_type operator(pg_catalog.||) ' ' operator(pg_catalog.||) m.subject_id,
         'row', pg_catalog.to_jsonb(m.*) operator(pg_catalog.-) '{id,created_at,updated_at}'::pg_catalog.text[])::pg_catalog.text
  from payments.stripe_customer_mappings m where (m.environment operator(pg_catalog.=) $1) is true
