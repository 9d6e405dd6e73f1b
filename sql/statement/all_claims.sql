-- all_claims: every claim on a mapping. $1 environment text
select pg_catalog.row_to_json(c.*)::text from payments.mapping_claims c where c.environment is not distinct from $1 order by c.stripe_checkout_session_id
