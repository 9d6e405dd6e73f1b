-- payment_of_invoice: the row of a payment by its invoice (a JSON string). $1 environment text, $2 stripe_invoice_id text
select pg_catalog.to_json(p.id)::text
  from payments.payment_history p
 where p.environment is not distinct from $1 and p.stripe_invoice_id = $2 and p.type <> 'refund'::text and p.type <> 'dispute'::text
