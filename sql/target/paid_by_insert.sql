-- paid_by_insert: the payments with money among the rows that an INSERT wrote, in its order (an array). Reads the trigger's transition table
select pg_catalog.array_agg(w.id)
  from written w
 where w.type in ('one_time_payment'::text, 'subscription_invoice'::text)
   and w.status in ('succeeded'::text, 'partially_refunded'::text, 'refunded'::text)
