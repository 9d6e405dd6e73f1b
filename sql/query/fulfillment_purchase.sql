-- find_purchases: payments whose money arrived, what their local sessions say was bought, and whether anything was decided on them
-- before (JSON objects).
-- $1 payments uuid[]
select pg_catalog.json_build_object(
  'payment', p.id,
  'environment', p.environment,
  'source', 'checkout:' operator(pg_catalog.||) s.id::pg_catalog.text,
  'money', pg_catalog.json_build_object(
    'status', p.status,
    'is_subscription_invoice', p.type operator(pg_catalog.=) 'subscription_invoice' and s.mode operator(pg_catalog.=) 'payment',
    'amount', p.amount,
    -- the subtotal counts only if the whole total was charged; of a payment that a backend wrote it is in the session that it kept
    'subtotal', coalesce(pg_catalog.to_jsonb(p.subtotal), case
                  when pg_catalog.to_jsonb(p.amount) operator(pg_catalog.=) coalesce(p.raw operator(pg_catalog.->) 'amount_total',
                                                                                     s.raw operator(pg_catalog.->) 'amount_total')
                  then coalesce(p.raw operator(pg_catalog.->) 'amount_subtotal', s.raw operator(pg_catalog.->) 'amount_subtotal') end),
    'amount_refunded', p.amount_refunded,
    'shortfall', p.shortfall,
    'amount_lost', p.amount_lost,
    'lost_in_other_currency', p.lost_in_other_currency,
    'currency', p.currency,
    'dispute_status', p.dispute_status,
    'paid_at', (extract(epoch from paid.at) operator(pg_catalog.*) 1000000)::bigint),
  'stripe_checkout_session_id', coalesce(p.stripe_checkout_session_id, s.stripe_checkout_session_id),
  'stripe_payment_intent_id', coalesce(p.stripe_payment_intent_id, s.stripe_payment_intent_id),
  'created_by', s.created_by,
  'guest', s.guest,
  'subject_type', s.subject_type,
  'subject_id', s.subject_id,
  'order_id', case when s.mode operator(pg_catalog.=) 'payment' then s.metadata operator(pg_catalog.->>) 'order_id' end,
  'went_live', coalesce((select e.went_live_at is not null from payments.environments e where e.environment operator(pg_catalog.=) 'live'), false),
  'line_items', s.line_items,
  'told', p.line_items,
  'of_subscription', s.mode operator(pg_catalog.=) 'subscription',
  'invoiced', case when s.mode operator(pg_catalog.=) 'subscription' then p.invoice_lines end,
  'subscribed', case when s.mode operator(pg_catalog.=) 'subscription' then (
    select pg_catalog.json_agg(i.stripe_price_id order by i.stripe_price_id)
      from payments.subscription_items i
     where (i.environment operator(pg_catalog.=) p.environment) is true
       and i.stripe_subscription_id operator(pg_catalog.=) p.stripe_subscription_id and i.stripe_price_id is not null) end,
  'has_prior', exists (select from payments.fulfillments f
                        where (f.environment operator(pg_catalog.=) p.environment) is true
                          and f.source operator(pg_catalog.=) ('checkout:' operator(pg_catalog.||) s.id::pg_catalog.text))
)::pg_catalog.text
  from payments.payment_history p
 cross join lateral (
   -- not c.*, of which the server would describe each column again at every call
   (select c.id, c.mode, c.subject_type, c.subject_id, c.created_by, c.guest, c.line_items, c.metadata,
           c.stripe_checkout_session_id, c.stripe_payment_intent_id, c.raw
      from payments.checkout_sessions c
     where (c.environment operator(pg_catalog.=) p.environment) is true and c.stripe_checkout_session_id operator(pg_catalog.=) p.stripe_checkout_session_id
       and (c.mode operator(pg_catalog.=) 'payment' or p.type operator(pg_catalog.=) 'subscription_invoice'))
   union all
   (select c.id, c.mode, c.subject_type, c.subject_id, c.created_by, c.guest, c.line_items, c.metadata,
           c.stripe_checkout_session_id, c.stripe_payment_intent_id, c.raw
      from payments.checkout_sessions c
     where (c.environment operator(pg_catalog.=) p.environment) is true and c.stripe_payment_intent_id operator(pg_catalog.=) p.stripe_payment_intent_id
       and c.mode operator(pg_catalog.=) 'payment'
     order by c.id)
   limit 1) s
 -- -infinity counts as 1970, and a time after the year 9999 as its end, so that durations can be added
 cross join lateral (
   select least(coalesce(p.paid_at, p.stripe_created_at, p.created_at), pg_catalog.timestamptz '9999-12-31 00:00:00+00') as any_at) told
 cross join lateral (
   select case when pg_catalog.isfinite(told.any_at) then told.any_at else pg_catalog.timestamptz 'epoch' end as at) paid
 where p.id operator(pg_catalog.=) any ($1)
   and p.type operator(pg_catalog.=) any (array['one_time_payment', 'subscription_invoice'])
   and p.status operator(pg_catalog.=) any (array['succeeded', 'partially_refunded', 'refunded']);

-- find_priors: what was decided on purchases before (JSON objects). Months are counted in UTC, so that no session's time zone matters.
-- $1 sources, $2 environments text[], $3 when each was paid timestamptz[], $4 their payments text[]
select pg_catalog.json_build_object(
         'payment', d.payment,
         'kind', f.kind, 'target_table', f.target_table, 'item', f.item, 'state', f.state,
         'benefit_source', f.benefit_source, 'amount_due', f.amount_due, 'granted', f.granted,
         'amount_reversed', f.amount_reversed, 'currency', f.currency, 'prior_order_status', f.prior_order_status,
         'duration', f.duration::pg_catalog.text, 'holder', f.holder,
         'decided_at', (extract(epoch from f.created_at) operator(pg_catalog.*) 1000000)::bigint,
         'expires_at', (extract(epoch from (d.paid_at at time zone 'UTC') operator(pg_catalog.+) f.duration)
                        operator(pg_catalog.*) 1000000)::bigint)::pg_catalog.text
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as source, pg_catalog.unnest($2::pg_catalog.text[]) as environment,
               pg_catalog.unnest($3::pg_catalog.timestamptz[]) as paid_at, pg_catalog.unnest($4::pg_catalog.text[]) as payment) as d
  join payments.fulfillments f
    on f.source operator(pg_catalog.=) d.source and (f.environment operator(pg_catalog.=) d.environment) is true;

-- answered_line_items: what Stripe answered of a local session's line items when it was made, if that was asked for (a JSON object).
-- $1 source of the purchase text
select pg_catalog.json_build_object('id', coalesce(s.recovered_from, s.stripe_checkout_session_id), 'status', 'open',
                                    'line_items', s.raw operator(pg_catalog.->) 'line_items')::pg_catalog.text
  from payments.checkout_sessions s
 where s.id operator(pg_catalog.=) pg_catalog.substr($1, 10)::pg_catalog.uuid
   and pg_catalog.jsonb_typeof(s.raw operator(pg_catalog.->) 'line_items') operator(pg_catalog.=) 'object';

-- are_purchases: whether a local session was paid by any of these payments (a JSON boolean). Most of an account's payments may be
-- another app's, and to ask this costs a third of asking what was bought.
-- $1 stripe_checkout_session_ids text[], $2 stripe_payment_intent_ids text[]
select pg_catalog.to_json(
         exists (select from payments.checkout_sessions c where c.stripe_checkout_session_id operator(pg_catalog.=) any ($1))
      or exists (select from payments.checkout_sessions c where c.stripe_payment_intent_id operator(pg_catalog.=) any ($2)))::pg_catalog.text;
