-- drop_claim: a session's claim, whose local row is another's (a JSON object). $1 environment text, $2 stripe_checkout_session_id text
delete from payments.mapping_claims c
 where c.environment is not distinct from $1 and c.stripe_checkout_session_id = $2
returning pg_catalog.row_to_json(c.*)::text
