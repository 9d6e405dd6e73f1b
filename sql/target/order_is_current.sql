-- order_is_current: whether an order says already what write_order would write. Parameters as there
select 'true'::pg_catalog.text from {target}
 where {id} operator(pg_catalog.=) $1::{id:type}
   and coalesce({status:text} operator(pg_catalog.=) pg_catalog.concat($2::{status:type}), false)
   and coalesce({amount_refunded} operator(pg_catalog.=) $3::bigint, false)
   and coalesce({paid_at} operator(pg_catalog.=) (pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) ($4::bigint operator(pg_catalog.*) interval '1 microsecond')), {paid_at} is null and $4::bigint is null)
   and coalesce({stripe_checkout_session_id} operator(pg_catalog.=) $5::pg_catalog.text, {stripe_checkout_session_id} is null and $5::pg_catalog.text is null)
   and coalesce({stripe_payment_intent_id} operator(pg_catalog.=) $6::pg_catalog.text, {stripe_payment_intent_id} is null and $6::pg_catalog.text is null)
