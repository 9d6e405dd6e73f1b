-- all_claims: every claim on a mapping. $1 environment text
select pg_catalog.row_to_json(c.*)::pg_catalog.text from payments.mapping_claims c
 where (c.environment operator(pg_catalog.=) $1) is true order by c.stripe_checkout_session_id
