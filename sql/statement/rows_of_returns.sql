-- rows_of_returns: the rows of refunds and disputes that are there (JSON objects). $1 environment text, $2 their ids text[]
select pg_catalog.json_build_object('id'::text, p.id, 'of'::text, coalesce(p.stripe_refund_id, p.stripe_dispute_id))::text
  from payments.payment_history p
 where p.environment is not distinct from $1 and (p.stripe_refund_id = any ($2) or p.stripe_dispute_id = any ($2))
