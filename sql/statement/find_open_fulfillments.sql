-- find_open_fulfillments: what to try again, by source and kind. $1 environment or null, $2 reference or null text
select pg_catalog.json_build_object('environment', f.environment, 'source', f.source, 'kind', f.kind)::text
  from payments.fulfillments f
 where (f.state in ('needs_review'::text, 'failed'::text)
        -- a reference names one purchase: then all that it gives is looked at again
        or $2 is not null)
   and ($1 is null or f.environment = $1)
   and ($2 is null or f.source in ($2, 'checkout:'::text || $2, 'subscription:'::text || $2) or f.what = $2
        or f.source in (select 'checkout:'::text || s.id::text from payments.checkout_sessions s
                         where s.stripe_checkout_session_id = $2 or s.stripe_payment_intent_id = $2))
 group by f.environment, f.source, f.kind
 order by f.source, f.kind
