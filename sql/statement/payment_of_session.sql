-- payment_of_session: the row of a payment by its checkout session (a JSON string). $1 environment text, $2 stripe_checkout_session_id text
select pg_catalog.to_json(p.id)::pg_catalog.text
  from payments.payment_history p
 where (p.environment operator(pg_catalog.=) $1) is true and p.stripe_checkout_session_id operator(pg_catalog.=) $2
   and p.type operator(pg_catalog.<>) 'refund' and p.type operator(pg_catalog.<>) 'dispute'
