-- rows_of_returns: the rows of refunds and disputes that are there (JSON objects). $1 environment text, $2 their ids text[]
select pg_catalog.json_build_object('id', p.id, 'of', coalesce(p.stripe_refund_id, p.stripe_dispute_id))::pg_catalog.text
  from payments.payment_history p
 where (p.environment operator(pg_catalog.=) $1) is true
   and (p.stripe_refund_id operator(pg_catalog.=) any ($2) or p.stripe_dispute_id operator(pg_catalog.=) any ($2))
