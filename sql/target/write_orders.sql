-- write_orders: what orders say of their payments, where they say something else. $1 their keys, $2 statuses text[], $3 amounts refunded, $4 paid_at bigint[] (microseconds), $5 checkout sessions, $6 payment intents text[]
-- However they are joined, no other order than those of $1 is read.
update {target} as o
   set {status} = r.status
     , {amount_refunded} = r.amount_refunded
     , {paid_at} = pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) (r.paid_at operator(pg_catalog.*) interval '1 microsecond')
     , {stripe_checkout_session_id} = r.stripe_checkout_session_id
     , {stripe_payment_intent_id} = r.stripe_payment_intent_id
     , {updated_at} = pg_catalog.now()
  from (select pg_catalog.unnest($1::{id:type}[]) as key, pg_catalog.unnest($2::{status:type}[]) as status,
               pg_catalog.unnest($3::bigint[]) as amount_refunded, pg_catalog.unnest($4::bigint[]) as paid_at,
               pg_catalog.unnest($5::pg_catalog.text[]) as stripe_checkout_session_id,
               pg_catalog.unnest($6::pg_catalog.text[]) as stripe_payment_intent_id) as r
 where o.{id} operator(pg_catalog.=) r.key
   and o.{id} operator(pg_catalog.=) any ($1::{id:type}[])
   and (not coalesce({o.status:text} operator(pg_catalog.=) pg_catalog.concat(r.status), false)
     or not coalesce(o.{amount_refunded} operator(pg_catalog.=) r.amount_refunded, false)
     or not coalesce(o.{paid_at} operator(pg_catalog.=) (pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) (r.paid_at operator(pg_catalog.*) interval '1 microsecond')), o.{paid_at} is null and r.paid_at is null)
     or not coalesce(o.{stripe_checkout_session_id} operator(pg_catalog.=) r.stripe_checkout_session_id, o.{stripe_checkout_session_id} is null and r.stripe_checkout_session_id is null)
     or not coalesce(o.{stripe_payment_intent_id} operator(pg_catalog.=) r.stripe_payment_intent_id, o.{stripe_payment_intent_id} is null and r.stripe_payment_intent_id is null)
     )
