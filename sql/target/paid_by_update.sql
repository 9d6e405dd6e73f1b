-- paid_by_update: the payments with money of which an UPDATE changed what decides what is given, in its order (an array). Reads the trigger's transition tables
select pg_catalog.array_agg(w.id order by w.n)
  from (select *, pg_catalog.row_number() over () as n from written) w
  join was o on o.id operator(pg_catalog.=) w.id
 where w.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice'])
   and w.status operator(pg_catalog.=) any (array['succeeded', 'partially_refunded', 'refunded'])
   and row(o.type, o.status, o.currency, o.dispute_status, o.stripe_checkout_session_id, o.stripe_payment_intent_id, o.amount,
        o.amount_refunded, o.shortfall, o.paid_at)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(w.type, w.status, w.currency, w.dispute_status, w.stripe_checkout_session_id, w.stripe_payment_intent_id, w.amount,
        w.amount_refunded, w.shortfall, w.paid_at)
