-- is_contested: whether a claim or a mapping says otherwise of a subject or of a customer (a JSON boolean).
-- $1 environment text, $2 subject_type text, $3 subject_id text, $4 stripe_customer_id text
select pg_catalog.to_json(
         exists (select from payments.mapping_claims c
                  where c.environment is not distinct from $1 and c.subject_type = $2 and c.subject_id = $3 and c.stripe_customer_id <> $4)
      or exists (select from payments.mapping_claims c
                  where c.environment is not distinct from $1 and c.stripe_customer_id = $4 and (c.subject_type, c.subject_id) <> ($2, $3))
      or exists (select from payments.stripe_customer_mappings m
                  where m.environment is not distinct from $1 and m.subject_type = $2 and m.subject_id = $3 and m.stripe_customer_id <> $4)
      or exists (select from payments.stripe_customer_mappings m
                  where m.environment is not distinct from $1 and m.stripe_customer_id = $4 and (m.subject_type, m.subject_id) <> ($2, $3)))::text
