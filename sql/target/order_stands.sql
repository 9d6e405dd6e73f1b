-- order_stands: whether an order says already what write_order would write. Parameters as there
select 'true'::text from {target}
 where {id} = ($1::text)::{id:type}
   and {status}::text is not distinct from $2::text
   and {amount_refunded} is not distinct from $3::bigint
   and {paid_at} is not distinct from timestamptz 'epoch' + $4::bigint * interval '1 microsecond'
   and {stripe_checkout_session_id} is not distinct from $5::text
   and {stripe_payment_intent_id} is not distinct from $6::text
