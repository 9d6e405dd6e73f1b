-- find_referenced_sessions: the local one-time sessions that an id names: Stripe's, its payment intent's or their own. $1 environment or null, $2 reference text
select pg_catalog.json_build_object('environment', s.environment, 'id', s.id)::pg_catalog.text
  from payments.checkout_sessions s
 where s.id operator(pg_catalog.=) any (
         select o.id from payments.checkout_sessions o where o.stripe_checkout_session_id operator(pg_catalog.=) $2
         union all
         select o.id from payments.checkout_sessions o where o.stripe_payment_intent_id operator(pg_catalog.=) $2
         union all
         select case when pg_catalog.regexp_replace($2, '^checkout:', '') operator(pg_catalog.~) '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
                     then pg_catalog.regexp_replace($2, '^checkout:', '')::pg_catalog.uuid end)
   and s.mode operator(pg_catalog.=) 'payment'
   and ($1 is null or (s.environment operator(pg_catalog.=) $1) is true)
 order by s.id
