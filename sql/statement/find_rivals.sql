-- find_rivals: the other payments that name an order (their ids as JSON strings). $1 target table, $2 item, $3 source of this one text
select pg_catalog.to_json(p.id)::pg_catalog.text
  from payments.fulfillments f
  join payments.checkout_sessions s on s.id operator(pg_catalog.=) pg_catalog.substr(f.source, 10)::pg_catalog.uuid
 cross join lateral (
   (select h.id from payments.payment_history h
     where (h.environment operator(pg_catalog.=) s.environment) is true and h.stripe_checkout_session_id operator(pg_catalog.=) s.stripe_checkout_session_id
       and h.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice']))
   union all
   (select h.id from payments.payment_history h
     where (h.environment operator(pg_catalog.=) s.environment) is true and h.stripe_payment_intent_id operator(pg_catalog.=) s.stripe_payment_intent_id
       and h.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice']))
   limit 1) p
 where f.kind operator(pg_catalog.=) 'orders' and f.target_table operator(pg_catalog.=) $1 and f.item operator(pg_catalog.=) $2 and f.source operator(pg_catalog.<>) $3
 order by f.source
