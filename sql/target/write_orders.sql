-- write_orders: what several orders say of their payments. $1 JSON array of {key, status text, amount_refunded, paid_at bigint (microseconds), stripe_checkout_session_id, stripe_payment_intent_id text}, $2 their keys text[], so that however they are joined no other order is read
update {target} as o
   set {status} = r.status
     , {amount_refunded} = r.amount_refunded
     , {paid_at} = pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) (r.paid_at operator(pg_catalog.*) interval '1 microsecond')
     , {stripe_checkout_session_id} = r.stripe_checkout_session_id
     , {stripe_payment_intent_id} = r.stripe_payment_intent_id
     , {updated_at} = pg_catalog.now()
  from pg_catalog.json_to_recordset($1::pg_catalog.json) as r (
         key {id:type}, status {status:type}, amount_refunded bigint, paid_at bigint, stripe_checkout_session_id pg_catalog.text,
         stripe_payment_intent_id pg_catalog.text)
 where o.{id} operator(pg_catalog.=) r.key
   and o.{id} operator(pg_catalog.=) any ($2::{id:type}[])
