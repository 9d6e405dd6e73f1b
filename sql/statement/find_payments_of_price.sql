-- find_payments_of_price: the payments with a line that waits for this price's product, locked (JSON strings). $1 environment, $2 price text
select pg_catalog.to_json(p.id)::text
  from payments.payment_history p
 where p.id = any (array(
         select h.id
           from payments.fulfillments f
          cross join lateral (
            select o.environment, o.stripe_checkout_session_id, o.stripe_payment_intent_id
              from payments.checkout_sessions o where o.id = pg_catalog.substr(f.source, 10)::uuid offset 0) as s
          cross join lateral (
            select c.id from payments.payment_history c
             where c.environment is not distinct from s.environment and c.stripe_checkout_session_id = s.stripe_checkout_session_id
               and c.type = 'one_time_payment'::text
            union
            select i.id from payments.payment_history i
             where i.environment is not distinct from s.environment and i.stripe_payment_intent_id = s.stripe_payment_intent_id
               and i.type = 'one_time_payment'::text) as h
          where f.what = 'undecided:'::text || $2 and pg_catalog.starts_with(f.what, 'undecided:'::text) and f.environment is not distinct from $1))
   and p.type = 'one_time_payment'::text
   and p.status in ('succeeded'::text, 'partially_refunded'::text, 'refunded'::text)
 order by p.id
   for update
