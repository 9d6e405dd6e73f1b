-- payment_of_intent: the row of a payment by its payment intent (a JSON string). $1 environment text, $2 stripe_payment_intent_id text
select pg_catalog.to_json(p.id)::pg_catalog.text
  from payments.payment_history p
 where (p.environment operator(pg_catalog.=) $1) is true and p.stripe_payment_intent_id operator(pg_catalog.=) $2
   and p.type operator(pg_catalog.<>) 'refund' and p.type operator(pg_catalog.<>) 'dispute'
