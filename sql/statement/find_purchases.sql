-- find_purchases: payments whose money arrived, what their local sessions say was bought, and what was given before, one a row. $1 payments uuid[]
select pg_catalog.json_build_object(
  'payment', p.id,
  'environment', p.environment,
  'source', 'checkout:'::text || s.id::text,
  'money', pg_catalog.json_build_object(
    'status', p.status,
    'recurring', p.type = 'subscription_invoice'::text,
    'amount', p.amount,
    -- what the goods cost is what was paid for only where all of the total was charged
    'subtotal', case when pg_catalog.to_jsonb(p.amount) = coalesce(p.raw -> p.stripe_checkout_session_id -> 'amount_total'::text,
                            p.raw -> 'amount_total'::text, s.raw -> 'amount_total'::text)
                     then coalesce(p.raw -> p.stripe_checkout_session_id -> 'amount_subtotal'::text,
                            p.raw -> 'amount_subtotal'::text, s.raw -> 'amount_subtotal'::text) end,
    'amount_refunded', p.amount_refunded,
    'shortfall', p.shortfall,
    'currency', p.currency,
    'dispute_status', p.dispute_status,
    'paid_at', (extract(epoch from paid.at) * 1000000)::bigint),
  'stripe_checkout_session_id', coalesce(p.stripe_checkout_session_id, s.stripe_checkout_session_id),
  'stripe_payment_intent_id', coalesce(p.stripe_payment_intent_id, s.stripe_payment_intent_id),
  'created_by', s.created_by,
  'guest', s.guest,
  'subject_type', s.subject_type,
  'subject_id', s.subject_id,
  'order_id', s.metadata ->> 'order_id'::text,
  'live_approved', coalesce((select e.went_live_at is not null from payments.environments e where e.environment = 'live'::text), false),
  'line_items', s.line_items,
  'given', (select pg_catalog.json_agg(pg_catalog.json_build_object(
                     'kind', f.kind, 'target', f.target, 'what', f.what, 'state', f.state, 'via', f.via, 'due', f.due,
                     'granted', f.granted, 'taken_back', f.taken_back, 'currency', f.currency, 'held', f.held,
                     'lasts', f.lasts::text,
                     'decided_at', (extract(epoch from f.created_at) * 1000000)::bigint,
                     -- months are counted in UTC, so that no session's time zone matters
                     'expires_at', (extract(epoch from (paid.at at time zone 'UTC'::text) + f.lasts) * 1000000)::bigint))
              from payments.fulfillments f
             where f.environment is not distinct from p.environment and f.source = 'checkout:'::text || s.id::text)
)::text
  from payments.payment_history p
 cross join lateral (
   (select c.* from payments.checkout_sessions c
     where c.environment is not distinct from p.environment and c.stripe_checkout_session_id = p.stripe_checkout_session_id
       and c.mode = 'payment'::text)
   union all
   (select c.* from payments.checkout_sessions c
     where c.environment is not distinct from p.environment and c.stripe_payment_intent_id = p.stripe_payment_intent_id
       and c.mode = 'payment'::text
     order by c.id)
   limit 1) s
 -- a time that is none, or so far away that nothing could be counted from it, is as good as the last one
 cross join lateral (
   select least(coalesce(p.paid_at, p.stripe_created_at, p.created_at), timestamptz '9999-12-31 00:00:00+00') as any_at) told
 cross join lateral (
   select case when pg_catalog.isfinite(told.any_at) then told.any_at else timestamptz 'epoch' end as at) paid
 where p.id = any ($1)
   and p.type in ('one_time_payment'::text, 'subscription_invoice'::text)
   and p.status in ('succeeded'::text, 'partially_refunded'::text, 'refunded'::text)
