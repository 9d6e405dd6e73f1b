-- paid_by_insert: the payments with money among the rows that an INSERT wrote, in its order (an array). Reads the trigger's transition table
select pg_catalog.array_agg(w.id)
  from written w
 where w.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice'])
   and w.status operator(pg_catalog.=) any (array['succeeded', 'partially_refunded', 'refunded'])
