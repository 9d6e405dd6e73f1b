-- portal_may_open: whether live is refused and whether a subject has a Stripe customer (one JSON object).
-- $1 environment text, $2 subject_type text, $3 subject_id text
select pg_catalog.json_build_object(
         'live_refused', $1 operator(pg_catalog.=) 'live' and not exists (
            select from payments.environments e where e.environment operator(pg_catalog.=) 'live' and e.live_approved_at is not null),
         'mapped', exists (
            select from payments.stripe_customer_mappings m
             where (m.environment operator(pg_catalog.=) $1) is true and m.subject_type operator(pg_catalog.=) $2
               and m.subject_id operator(pg_catalog.=) $3))::pg_catalog.text;
