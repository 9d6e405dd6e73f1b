-- write_order: what an order says of its payment. $1 key, $2 status text, $3 amount_refunded, $4 paid_at bigint (microseconds), $5 checkout session, $6 payment intent text
update {target}
   set {status} = ($2::text)::{status:type}
     , {amount_refunded} = $3::bigint
     , {paid_at} = timestamptz 'epoch' + $4::bigint * interval '1 microsecond'
     , {stripe_checkout_session_id} = $5::text
     , {stripe_payment_intent_id} = $6::text
     , {updated_at} = pg_catalog.now()
 where {id} = ($1::text)::{id:type}
   and ({status}::text is distinct from $2::text
     or {amount_refunded} is distinct from $3::bigint
     or {paid_at} is distinct from timestamptz 'epoch' + $4::bigint * interval '1 microsecond'
     or {stripe_checkout_session_id} is distinct from $5::text
     or {stripe_payment_intent_id} is distinct from $6::text
     )
