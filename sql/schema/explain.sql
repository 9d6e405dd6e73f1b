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
    when 'checkout.session.line_items' then format('Stripe''s line items of checkout session %s are known%s', fact ->> 'session',
           case when fact ->> 'has_more' = 'true' then ', but for some' else '' end)
    when 'invoice.lines' then format('all lines of invoice %s are known%s', fact ->> 'invoice',
           case when fact #>> '{lines,has_more}' = 'true' then ', but for some' else '' end)
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
    when 'dispute' then format('dispute %s of %s %s is %s%s%s', fact ->> 'id', fact ->> 'amount', fact ->> 'currency', fact ->> 'status',
           coalesce(' (' || (fact ->> 'reason') || ')', ''),
           case when (fact ->> 'reinstated')::bigint > 0 then format(', %s of it was reinstated', fact ->> 'reinstated') else '' end)
    when 'credit_note' then format('credit note %s of invoice %s is %s%s: %s%s', fact ->> 'id', fact ->> 'invoice', fact ->> 'status',
           coalesce(' (' || (fact ->> 'reason') || ')', ''), concat_ws(' ', fact ->> 'amount', fact ->> 'currency'),
           case when (fact ->> 'to_balance')::bigint > 0 then format(', %s%s of it to the customer''s balance',
                     case when fact ->> 'refund' is not null then 'at most ' else '' end, fact ->> 'to_balance') else '' end
           || case when (fact ->> 'out_of_band')::bigint > 0 then format(', %s of it outside of Stripe', fact ->> 'out_of_band') else '' end)
    when 'radar.early_fraud_warning' then format('the card''s issuer warns that %s may be fraud%s',
           coalesce(fact ->> 'charge', fact ->> 'payment_intent'), coalesce(' (' || (fact ->> 'fraud_type') || ')', ''))
    when 'adopted_payment' then format('another backend wrote the payment, %s with %s %s%s; it is taken in as it stood', fact ->> 'status',
           coalesce(fact ->> 'amount', 'no amount'), fact ->> 'currency',
           case when (fact ->> 'amount_refunded')::bigint > 0 then format(', %s of it refunded', fact ->> 'amount_refunded') else '' end)
    when 'subscription' then format('subscription %s is %s%s', object ->> 'id', object ->> 'status',
           case when statement ->> 'deleted' = 'true' then ', and ended' when object ->> 'cancel_at_period_end' = 'true'
             or object ->> 'cancel_at' is not null then ', and told to end' else '' end
           || case when object #>> '{pause_collection,behavior}' is not null
                   then format(', its collection paused (%s)%s', object #>> '{pause_collection,behavior}',
                               ' until ' || (to_timestamp((object #>> '{pause_collection,resumes_at}')::bigint) at time zone 'UTC') || ' UTC')
              else '' end)
    when 'customer' then format('customer %s%s%s', object ->> 'id', coalesce(' <' || (object ->> 'email') || '>', ''),
           case when statement ->> 'deleted' = 'true' then ' was deleted' else ' is known' end)
    else object_type || ' was told of' end
    from (select statement -> 'fact' as fact, statement -> 'object' as object) as said
$function$;

-- The whole story of an order, a checkout session (the local id or Stripe's), a payment intent, a charge, an invoice, a
-- refund, a dispute, a credit note, a subscription or a customer, in time order. No row: nothing is known under that reference.
create function payments.explain(reference text)
  returns table (environment text, happened_at timestamptz, story text)
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.explain_body(reference text)
  returns table (environment text, happened_at timestamptz, story text)
  language sql stable set search_path = pg_catalog, pg_temp
as $function$
  with asked as (
    select s.* from payments.checkout_sessions s
     where s.id = case when reference ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then reference::uuid end
    union all
    select s.* from payments.checkout_sessions s
     where s.environment in ('test', 'live') and s.stripe_checkout_session_id = reference
    union all
    select s.* from payments.stripe_customer_mappings m
      join payments.checkout_sessions s on s.subject_type = m.subject_type and s.subject_id = m.subject_id
       and s.environment = m.environment and s.stripe_customer_id = m.stripe_customer_id
     where m.environment in ('test', 'live') and m.stripe_customer_id = reference
  ), ordered as (
    select a.* from asked a
    union all
    select s.* from payments.checkout_sessions s
     where reference !~ '^(cs|pi|ch|py|pyr|in|inpay|sub|cus|re|dp|du|cn|issfr|evt|prod|price)_' and not exists (select from asked)
       and s.metadata ->> 'order_id' = reference
  ), relative as (
    -- Sessions that Stripe recovered from others tell one story with them.
    select r.environment, r.stripe_checkout_session_id, r.recovered_from
      from payments.recovered_sessions r
     where r.environment in ('test', 'live') and r.stripe_checkout_session_id = reference
    union
    select r.environment, r.stripe_checkout_session_id, r.recovered_from
      from payments.recovered_sessions r
     where r.environment in ('test', 'live') and r.recovered_from = reference
    union
    select r.environment, r.stripe_checkout_session_id, r.recovered_from
      from ordered a join payments.recovered_sessions r on r.environment = a.environment
       and r.recovered_from = coalesce(a.recovered_from, a.stripe_checkout_session_id)
  ), group_id as (
    select l.environment, l.group_id from payments.fact_links l where l.key = reference
    union
    select l.environment, l.group_id from ordered a
      join payments.fact_links l on l.environment = a.environment and l.key = a.stripe_checkout_session_id
    union
    select l.environment, l.group_id from relative r
      join payments.fact_links l on l.environment = r.environment and l.key = any (array[r.stripe_checkout_session_id, r.recovered_from])
    union
    select f.environment, f.group_id from payments.facts f
     where f.environment in ('test', 'live') and f.stripe_customer_id = reference and f.group_id is not null
    union
    select f.environment, f.group_id from payments.facts f
     where f.environment in ('test', 'live') and f.stripe_subscription_id = reference and f.group_id is not null
  ), fact as (
    select f.environment, f.group_id, f.object_id, f.object_type, f.event_id, f.keys, f.stripe_subscription_id, f.statement::text as said
      from group_id a join payments.facts f on f.environment = a.environment and f.group_id = a.group_id
  ), mirrored as (
    select w.environment, reference as key from (values ('test'), ('live')) as w (environment)
    union
    select f.environment, f.stripe_subscription_id collate "default" from fact f where f.stripe_subscription_id is not null
    union
    select s.environment, s.stripe_subscription_id from payments.subscriptions s
     where s.environment in ('test', 'live') and s.stripe_customer_id = reference
  ), named as (
    -- The ids of facts have another collation than the indexes of the other tables.
    select distinct f.environment, k.key collate "default" as key from fact f cross join lateral unnest(f.keys || f.object_id) as k (key)
    union
    select m.environment, m.key from mirrored m
  ), session as (
    select a.* from ordered a
    union
    select s.* from named n join payments.checkout_sessions s
      on s.environment = n.environment and s.stripe_checkout_session_id = n.key
  ), payment as (
    select distinct on (p.id) p.*
      from named n
     cross join lateral (
        select h.* from payments.payment_history h
         where h.environment = n.environment and h.stripe_payment_intent_id = n.key and h.type <> 'refund'
        union all
        select h.* from payments.payment_history h
         where h.environment = n.environment and h.stripe_checkout_session_id = n.key and h.type <> 'refund'
        union all
        select h.* from payments.payment_history h
         where h.environment = n.environment and h.stripe_invoice_id = n.key and h.type <> 'refund'
        union all
        select h.* from payments.payment_history h
         where h.environment = n.environment and h.stripe_charge_id = n.key and h.type <> 'refund' and h.type <> 'dispute'
           and (h.by_backend or (h.stripe_payment_intent_id is null and h.stripe_checkout_session_id is null and h.stripe_invoice_id is null))
       ) p
     where p.type <> 'dispute'
     order by p.id
  ), source as (
    select s.environment, 'checkout:' || s.id as source from session s
    union
    select n.environment, 'session:' || n.key from named n where n.key like 'cs\_%'
    union
    select n.environment, 'subscription:' || n.key from named n where n.key like 'sub\_%'
    union
    select n.environment, 'credit_note:' || n.key from named n where n.key like 'cn\_%'
    union
    select n.environment, 'fraud_warning:' || n.key from named n where n.key like 'issfr\_%'
    union
    -- Of an invoice its attempts, of a subscription its periods.
    select f.environment, f.source collate "default"
      from (select a.environment, case when a.key like 'in\_%' then 'invoice:' else 'subscription:' end || a.key as of
              from named a where a.key like 'in\_%' or a.key like 'sub\_%') n
      join payments.fulfillments f
        on f.environment = n.environment and f.source > (n.of || ':') collate "C" and f.source < (n.of || ';') collate "C"
  ), told (environment, happened_at, story) as (
    select s.environment, s.created_at,
           format('%s asked to pay for %s: %s session %s of %s', coalesce(nullif(s.created_by, ''), 'a guest or a backend'),
                  coalesce(s.subject_type || ' ' || s.subject_id, 'no subject'), s.mode, s.id,
                  (select string_agg(format('%s × %s', coalesce(i ->> 'quantity', '1'), coalesce(i ->> 'stripePriceId', i ->> 'price')), ', ')
                     from jsonb_array_elements(s.line_items) as i))
           || coalesce(' for order ' || (s.metadata ->> 'order_id'), '')
      from session s
    union all
    select s.environment, s.updated_at,
           format(case s.status when 'initialized' then 'session %s could not be sent yet: %s' else 'session %s failed: %s' end, s.id, s.last_error)
      from session s where s.last_error is not null
    union all
    -- What was asked to change of a subscription, and what became of it.
    select s.environment, s.created_at,
           format('%s asked to %s subscription %s', coalesce(nullif(s.created_by, ''), 'a backend'), s.action, s.stripe_subscription_id)
           || coalesce(' to price ' || s.stripe_price_id, '') || coalesce(' with quantity ' || s.quantity, '')
      from named n join payments.subscription_requests s on s.environment = n.environment and s.stripe_subscription_id = n.key
    union all
    select s.environment, s.updated_at,
           format(case s.status when 'failed' then 'the request to %s subscription %s failed: %s'
                                when 'initialized' then 'the request to %s subscription %s could not be sent yet: %s'
                                else case when s.pending_update then 'Stripe will %s subscription %s when invoice %s is paid'
                                          else 'Stripe took the request to %s subscription %s' end end,
                  s.action, s.stripe_subscription_id, coalesce(s.last_error, s.stripe_invoice_id))
      from named n join payments.subscription_requests s on s.environment = n.environment and s.stripe_subscription_id = n.key
     where s.status <> 'initialized' or s.last_error is not null
    union all
    select f.environment, to_timestamp((f.said::json ->> 'created')::bigint),
           case f.object_type when 'adopted_payment' then payments.describe_fact(f.object_type, f.said::json)
                else format('Stripe: %s [%s]', payments.describe_fact(f.object_type, f.said::json),
                            case f.event_id when 'sync' then 'backfill' else coalesce(e.event_type || ' ', '') || f.event_id end) end
      from fact f
      left join payments.webhook_events e on e.environment = f.environment and e.stripe_event_id = f.event_id collate "default"
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
           format('Stripe: %s [%s]', payments.describe_fact(f.object_type, f.statement), case f.event_id when 'sync' then 'backfill' else f.event_id end)
      from mirrored m
      join payments.facts f on f.environment = m.environment and f.object_id = m.key
     where f.group_id is null
       and not exists (select from payments.webhook_events e where e.environment = f.environment and e.stripe_event_id = f.event_id collate "default")
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
                       when e.processing_status = 'ignored' then 'was ignored: ' || coalesce(e.last_error, 'no reason is recorded')
                       when e.conflict is not null then 'asked for a mapping that was refused: ' || e.conflict
                       else format('came again with another body, which was refused (%s times)', e.refused_count) end,
                  case when e.attempt_count > 1 then format(', after %s attempts', e.attempt_count) else '' end)
      from named n
      join payments.webhook_events e on e.environment = n.environment and e.object_id = n.key
     where e.processing_status = any ('{failed,ignored}') or e.conflict is not null or e.refused_count > 0
    union all
    select r.environment, coalesce(to_timestamp((f.statement #>> '{fact,created}')::bigint), to_timestamp((f.statement ->> 'created')::bigint)),
           format('Stripe recovered checkout session %s from the expired %s', r.stripe_checkout_session_id, r.recovered_from)
      from relative r
      left join lateral (
        select f.statement from payments.facts f
         where f.environment = r.environment and f.object_id = r.stripe_checkout_session_id
         order by (f.statement ->> 'created')::bigint, f.event_id
         limit 1) f on true
    union all
    -- A period that ended without a word of the next one.
    select u.environment, u.current_period_end,
           format('the period of subscription %s ended, and no renewal was told so far: %s %s', u.stripe_subscription_id,
                  case when now() < u.until then 'access goes on, because it may be told late, until' else 'access ended at' end,
                  (u.until at time zone 'UTC') || ' UTC')
      from mirrored m
     cross join lateral (
        select s.environment, s.stripe_subscription_id, s.current_period_end,
               s.current_period_end + current_setting('payments.period_grace')::interval as until
          from payments.subscriptions s
         where s.environment = m.environment and s.stripe_subscription_id = m.key and s.status in ('active', 'trialing')
           and s.cancel_at is null and not s.cancel_at_period_end and s.current_period_end < now()) u
    union all
    select p.environment, p.updated_at,
           format('of the payment of %s %s, %s was lost to disputes, and %s is left', p.amount, p.currency, p.amount_lost, p.amount - p.amount_lost)
      from payment p
     where p.amount_lost > 0 and p.amount_lost < p.amount
    union all
    select p.environment, p.updated_at,
           'no checkout session of this payment is here, so it gives nothing by itself: payments.unfulfilled_payments tells what to do'
      from payment p
     where p.type = 'one_time_payment' and p.status in ('succeeded', 'partially_refunded')
       and not exists (select from session s where s.environment = p.environment
                          and (s.stripe_checkout_session_id = p.stripe_checkout_session_id
                               or s.stripe_payment_intent_id = p.stripe_payment_intent_id))
    union all
    select g.environment, max(to_timestamp((g.said::json ->> 'created')::bigint)),
           'nothing claims this money: neither a checkout session nor an invoice speaks of it'
           || case when max(to_timestamp((g.said::json ->> 'created')::bigint)) > now() - interval '1 hour' then ' yet'
                   else '. payments.unfulfilled_payments tells what to do' end
      from fact g
     where g.object_type in ('payment_intent', 'charge') and g.said::json #>> '{fact,state}' = 'succeeded'
       and not exists (
         select from fact o
           join payment p on p.environment = o.environment
            and array[p.stripe_payment_intent_id, p.stripe_checkout_session_id, p.stripe_invoice_id, p.stripe_charge_id] && o.keys::text[]
          where o.environment = g.environment and o.group_id = g.group_id)
     group by g.environment, g.group_id
    union all
    select g.environment, g.updated_at,
           format('%s %s: %s%s%s', g.target_table, g.item, g.state, coalesce(' — ' || g.reason, ''), coalesce('. Next: ' || r.next_step, ''))
      from source s
      join payments.fulfillments g on g.environment = s.environment and g.source = s.source
      left join payments.review r
        on r.environment = g.environment and r.source = g.source and r.kind = g.kind and r.target_table = g.target_table and r.item = g.item
    union all
    -- Credits that lapse.
    select l.environment, l.expires_at,
           format('%s %s: %s credits were given until %s UTC, %s', l.target_table, l.source, l.amount, l.expires_at at time zone 'UTC',
                  case when l.lapsed > 0 then format('and %s of them lapsed', l.lapsed)
                       when l.lapsed = 0 then 'and none of them lapsed'
                       when l.expires_at > now() then 'when those that are not spent lapse'
                       else 'and those that were not spent have lapsed: the next change of the balance writes it' end)
      from source s
      join payments.credit_lots l
        on l.environment = s.environment and l.source >= (s.source || ':') collate "C" and l.source < (s.source || ';') collate "C"
  )
  select t.environment, t.happened_at, payments.visible(t.story) from told t order by 1, 2, 3
$function$;

comment on function payments.explain(text) is
  'The story of an order, session, payment intent, charge, invoice, refund, dispute, credit note, subscription or customer in time order, in words.';

set local search_path = payments, pg_temp;
