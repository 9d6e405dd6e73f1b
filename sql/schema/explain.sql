set local search_path = pg_catalog, pg_temp;

-- The story of one purchase for a person to read: what was asked, what Stripe said, what came of it.

-- In words, what one kept statement says.
create function payments.describe_fact(object_type text, statement json) returns text
  language sql immutable set search_path = pg_catalog, pg_temp
as $function$
  select case object_type
    when 'checkout.session' then format('checkout session %s is %s and %s%s', fact ->> 'id', coalesce(fact ->> 'status', 'open'),
           coalesce(fact ->> 'payment_status', 'unpaid'),
           coalesce(format(', %s %s', fact ->> 'amount_total', fact ->> 'currency'), ''))
    when 'payment_intent' then format('payment intent %s is %s: %s of %s %s received', fact ->> 'id', fact ->> 'status',
           fact ->> 'amount_received', fact ->> 'amount', fact ->> 'currency')
    when 'charge' then format('charge %s of %s %s %s%s', fact ->> 'id', fact ->> 'amount', fact ->> 'currency', fact ->> 'status',
           case when (fact ->> 'amount_refunded')::bigint > 0 then format(', %s of it refunded', fact ->> 'amount_refunded') else '' end)
    when 'invoice' then format('invoice %s is %s: %s of %s %s paid%s', fact ->> 'id', fact ->> 'status', fact ->> 'amount_paid',
           fact ->> 'amount_due', fact ->> 'currency',
           coalesce(', for subscription ' || (fact ->> 'subscription'), '')
           || case when fact ->> 'state' = 'failed' and fact ->> 'status' = 'open' then '; the payment failed' else '' end)
    when 'invoice_payment' then format('invoice %s was paid with %s', fact ->> 'invoice',
           coalesce(fact ->> 'payment_intent', fact ->> 'charge', 'something else'))
    when 'refund' then format('refund %s of %s %s %s%s', fact ->> 'id', fact ->> 'amount', fact ->> 'currency', fact ->> 'status',
           coalesce(' (' || (fact ->> 'reason') || ')', ''))
    when 'dispute' then format('dispute %s of %s %s is %s%s', fact ->> 'id', fact ->> 'amount', fact ->> 'currency', fact ->> 'status',
           coalesce(' (' || (fact ->> 'reason') || ')', ''))
    when 'subscription' then format('subscription %s is %s%s', object ->> 'id', object ->> 'status',
           case when statement ->> 'deleted' = 'true' then ', and ended' when object ->> 'cancel_at_period_end' = 'true'
             or object ->> 'cancel_at' is not null then ', and told to end' else '' end
           || coalesce(format(', its collection paused (%s)%s', object #>> '{pause_collection,behavior}',
                              ' until ' || (to_timestamp((object #>> '{pause_collection,resumes_at}')::bigint) at time zone 'UTC') || ' UTC'), ''))
    when 'customer' then format('customer %s%s%s', object ->> 'id', coalesce(' <' || (object ->> 'email') || '>', ''),
           case when statement ->> 'deleted' = 'true' then ' was deleted' else ' is known' end)
    else object_type || ' was told of' end
    from (select statement -> 'fact' as fact, statement -> 'object' as object) as said
$function$;

-- The whole story of an order, a checkout session (the local id or Stripe's), a payment intent, a charge, an invoice, a
-- refund, a dispute, a subscription or a customer, in time order. No row: nothing is known under that reference.
create function payments.explain(reference text)
  returns table (environment text, happened_at timestamptz, story text)
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.explain_body(reference text)
  returns table (environment text, happened_at timestamptz, story text)
  language sql stable set search_path = pg_catalog, pg_temp
as $function$
  with asked as (
    select s.*
      from payments.checkout_sessions s
     where s.id::text = reference or s.stripe_checkout_session_id = reference or s.metadata ->> 'order_id' = reference
        or s.stripe_customer_id = reference or s.stripe_subscription_id = reference
  ), group_id as (
    select l.environment, l.group_id from payments.fact_links l where l.key = reference
    union
    select l.environment, l.group_id from asked a
      join payments.fact_links l on l.environment = a.environment and l.key = a.stripe_checkout_session_id
    union
    select f.environment, f.group_id from payments.facts f
     where f.environment in ('test', 'live') and f.stripe_customer_id = reference and f.group_id is not null
    union
    select f.environment, f.group_id from payments.facts f
     where f.environment in ('test', 'live') and f.stripe_subscription_id = reference and f.group_id is not null
  ), fact as (
    select f.environment, f.object_id, f.object_type, f.event_id, f.keys, f.stripe_subscription_id, f.statement::text as said
      from group_id a join payments.facts f on f.environment = a.environment and f.group_id = a.group_id
  ), mirrored as (
    select w.environment, reference as key from (values ('test'), ('live')) as w (environment)
    union
    select f.environment, f.stripe_subscription_id from fact f where f.stripe_subscription_id is not null
    union
    select s.environment, s.stripe_subscription_id from payments.subscriptions s
     where s.environment in ('test', 'live') and s.stripe_customer_id = reference
  ), named as (
    select distinct f.environment, k.key from fact f cross join lateral unnest(f.keys || f.object_id) as k (key)
    union
    select m.environment, m.key from mirrored m
  ), session as (
    select a.* from asked a
    union
    select s.* from named n join payments.checkout_sessions s
      on s.environment = n.environment and s.stripe_checkout_session_id = n.key
  ), source as (
    select s.environment, 'checkout:' || s.id as source from session s
    union
    select n.environment, 'subscription:' || n.key from named n where n.key like 'sub\_%'
  )
  select s.environment, s.created_at,
         format('%s asked to pay for %s: %s session %s of %s', coalesce(nullif(s.created_by, ''), 'a guest or a backend'),
                coalesce(s.subject_type || ' ' || s.subject_id, 'no subject'), s.mode, s.id,
                (select string_agg(format('%s × %s', coalesce(i ->> 'quantity', '1'), coalesce(i ->> 'stripePriceId', i ->> 'price')), ', ')
                   from jsonb_array_elements(s.line_items) as i))
         || coalesce(' for order ' || (s.metadata ->> 'order_id'), '')
    from session s
  union all
  select s.environment, s.updated_at, format('session %s failed: %s', s.id, s.last_error)
    from session s where s.last_error is not null
  union all
  select f.environment, to_timestamp((f.said::json ->> 'created')::bigint),
         format('Stripe: %s [%s]', payments.describe_fact(f.object_type, f.said::json),
                case f.event_id when 'sync' then 'back-fill' else coalesce(e.event_type || ' ', '') || f.event_id end)
    from fact f
    left join payments.webhook_events e on e.environment = f.environment and e.stripe_event_id = f.event_id
  union all
  -- Of a subscription or a customer only what may still be the newest is kept as a fact; the events tell the rest.
  select e.environment, to_timestamp((e.payload ->> 'created')::bigint),
         format('Stripe: %s [%s %s]',
                payments.describe_fact(e.object_type, json_build_object('object', e.payload #> '{data,object}', 'deleted', e.event_type like '%.deleted')),
                e.event_type, e.stripe_event_id)
    from mirrored m
    join payments.webhook_events e on e.environment = m.environment and e.object_id = m.key
   where e.processing_status = 'processed' and e.object_type in ('customer', 'subscription', 'product', 'price')
  union all
  select f.environment, to_timestamp((f.statement ->> 'created')::bigint),
         format('Stripe: %s [%s]', payments.describe_fact(f.object_type, f.statement), case f.event_id when 'sync' then 'back-fill' else f.event_id end)
    from mirrored m
    join payments.facts f on f.environment = m.environment and f.object_id = m.key
   where f.group_id is null
     and not exists (select from payments.webhook_events e where e.environment = f.environment and e.stripe_event_id = f.event_id)
  union all
  select m.environment, coalesce(to_timestamp(m.evidence_created), m.created_at),
         format('%s %s is customer %s, %s', m.subject_type, m.subject_id, m.stripe_customer_id,
                coalesce('by event ' || m.evidence_event_id, 'by an admin''s word'))
    from payments.stripe_customer_mappings m
   where m.environment in ('test', 'live') and m.stripe_customer_id = reference
  union all
  select e.environment, e.received_at,
         format('event %s (%s) %s%s', e.stripe_event_id, e.event_type,
                case when e.processing_status = 'failed' then 'failed: ' || coalesce(e.last_error, 'no reason is recorded')
                     else 'asked for a mapping that was refused: ' || e.conflict end,
                case when e.attempt_count > 1 then format(', after %s attempts', e.attempt_count) else '' end)
    from named n
    join payments.webhook_events e on e.environment = n.environment and e.object_id = n.key
   where e.processing_status = 'failed' or e.conflict is not null
  union all
  select g.environment, g.updated_at,
         format('%s %s: %s%s', g.target_table, g.item, g.state, coalesce(' — ' || g.reason, ''))
    from source s
    join payments.fulfillments g on g.environment = s.environment and g.source = s.source
  order by 1, 2, 3
$function$;

comment on function payments.explain(text) is
  'The story of an order, session, payment intent, charge, invoice, refund, dispute, subscription or customer in time order, in words.';

set local search_path = payments, pg_temp;
