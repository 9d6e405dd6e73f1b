-- drop_claim: a session's claim, whose local row is another's (a JSON object). $1 environment text, $2 stripe_checkout_session_id text
delete from payments.mapping_claims c
 where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_checkout_session_id operator(pg_catalog.=) $2
returning pg_catalog.row_to_json(c.*)::pg_catalog.text
