-- write_order: what an order says of its payment. $1 key, $2 status text, $3 amount_refunded, $4 paid_at bigint (microseconds), $5 checkout session, $6 payment intent text
update {target}
   set {status} = $2::{status:type}
     , {amount_refunded} = $3::bigint
     , {paid_at} = pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) ($4::bigint operator(pg_catalog.*) interval '1 microsecond')
     , {stripe_checkout_session_id} = $5::pg_catalog.text
     , {stripe_payment_intent_id} = $6::pg_catalog.text
     , {updated_at} = pg_catalog.now()
 where {id} operator(pg_catalog.=) $1::{id:type}
   and (not coalesce({status:text} operator(pg_catalog.=) pg_catalog.concat($2::{status:type}), false)
     or not coalesce({amount_refunded} operator(pg_catalog.=) $3::bigint, false)
     or not coalesce({paid_at} operator(pg_catalog.=) (pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) ($4::bigint operator(pg_catalog.*) interval '1 microsecond')), {paid_at} is null and $4::bigint is null)
     or not coalesce({stripe_checkout_session_id} operator(pg_catalog.=) $5::pg_catalog.text, {stripe_checkout_session_id} is null and $5::pg_catalog.text is null)
     or not coalesce({stripe_payment_intent_id} operator(pg_catalog.=) $6::pg_catalog.text, {stripe_payment_intent_id} is null and $6::pg_catalog.text is null)
     )
