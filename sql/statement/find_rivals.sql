-- find_rivals: the other payments that name an order (their ids as JSON strings). $1 target, $2 what, $3 source of this one text
select pg_catalog.to_json(p.id)::text
  from payments.fulfillments f
  join payments.checkout_sessions s on s.id = pg_catalog.substr(f.source, 10)::uuid
 cross join lateral (
   (select h.id from payments.payment_history h
     where h.environment is not distinct from s.environment and h.stripe_checkout_session_id = s.stripe_checkout_session_id
       and h.type in ('one_time_payment'::text, 'subscription_invoice'::text))
   union all
   (select h.id from payments.payment_history h
     where h.environment is not distinct from s.environment and h.stripe_payment_intent_id = s.stripe_payment_intent_id
       and h.type in ('one_time_payment'::text, 'subscription_invoice'::text))
   limit 1) p
 where f.kind = 'orders'::text and f.target = $1 and f.what = $2 and f.source <> $3
 order by f.source
