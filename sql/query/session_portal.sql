-- has_customer: whether a subject has a Stripe customer (a JSON boolean).
-- $1 environment text, $2 subject_type text, $3 subject_id text
select pg_catalog.to_json(exists (
  select from payments.stripe_customer_mappings m
   where (m.environment operator(pg_catalog.=) $1) is true and m.subject_type operator(pg_catalog.=) $2
     and m.subject_id operator(pg_catalog.=) $3))::pg_catalog.text;
