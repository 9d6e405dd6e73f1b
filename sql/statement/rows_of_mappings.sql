-- rows_of_mappings: the mappings of an environment, as they are stored. $1 environment text
select pg_catalog.json_build_object('relation'::text, 'stripe_customer_mappings'::text,
         'key'::text, m.subject_type || ' '::text || m.subject_id,
         'row'::text, pg_catalog.to_jsonb(m.*) - '{id,created_at,updated_at}'::text[])::text
  from payments.stripe_customer_mappings m where m.environment is not distinct from $1
