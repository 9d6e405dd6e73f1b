-- find_payments_of_price: the payments with a line that waits for this price's product, locked (JSON strings). $1 environment, $2 price text
select pg_catalog.to_json(p.id)::text
  from payments.payment_history p
 where p.id in (
         select h.id
           from payments.fulfillments f
           join payments.checkout_sessions s on s.id = pg_catalog.substr(f.source, 10)::uuid
           join payments.payment_history h
             on h.environment = s.environment
            and (h.stripe_checkout_session_id = s.stripe_checkout_session_id or h.stripe_payment_intent_id = s.stripe_payment_intent_id)
          where f.what = 'undecided:'::text || $2 and pg_catalog.starts_with(f.what, 'undecided:'::text) and f.environment = $1)
   and p.type = 'one_time_payment'::text
   and p.status in ('succeeded'::text, 'partially_refunded'::text, 'refunded'::text)
 order by p.id
   for update
