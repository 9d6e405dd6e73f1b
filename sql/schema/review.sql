set local search_path = pg_catalog, pg_temp;

-- What a person must look at: decisions that wait, and money that gave nothing. Together they show each payment that
-- arrived, was not returned, and gave nothing. Views call no function of ours: DROP EXTENSION keeps them.

-- Makes the views where they are missing; see doctor_shape.sql.
create function payments.make_review_views() returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- What needs a person: a decision to take, or a cause to mend before payments.retry_fulfillments().
  if to_regclass('payments.review') is null then
    create view payments.review with (security_invoker = true) as
    select f.id, f.environment, f.state, f.kind, f.target_table, f.item, f.reason, f.sqlstate, f.attempts, f.source,
           s.stripe_checkout_session_id, s.stripe_payment_intent_id, s.subject_type, s.subject_id, s.created_by,
           s.metadata ->> 'order_id' as order_id, f.created_at, f.updated_at,
           case f.kind when 'payments' then f.amount_due else p.amount end as amount, p.amount_refunded,
           case f.kind when 'payments' then f.currency else p.currency end as currency, p.paid_at,
           case
             when f.kind = 'checkout_sessions' then 'refund this payment at Stripe: the other one was given'
             when f.state = 'failed' then 'mend the cause, then call payments.retry_fulfillments()'
             when f.kind = 'subscriptions'
               then 'cancel the subscription at Stripe, or leave it as it is: this goes when its access ends or the money is back'
             when f.source like 'credit\_note:%'
               then 'take back by hand what it paid for, or leave it as it is: this goes when the credit note is voided'
             when f.source like 'fraud\_warning:%'
               then 'refund it at Stripe before it becomes a dispute, or leave it as it is: this goes when it is refunded in full or disputed'
             when f.item = 'line_items' then 'pass what Stripe answers to payments.sync_stripe_objects(): it is given then'
             when f.item like 'lines:%' then 'pass what Stripe answers to payments.sync_stripe_objects(): the rest is given then'
             when f.reason like 'no order has the id %'
               then 'insert the order, or mend metadata.order_id of the checkout session, then call payments.retry_fulfillments()'
             when f.reason like 'the order is already paid%' then 'refund one of the two payments at Stripe'
             when f.reason like '% less was received than %' then 'collect the rest, or refund what was received'
             when f.kind = 'orders'
               then 'refund the payment at Stripe, or mend the order, then call payments.retry_fulfillments()'
             else 'decide, mend what the reason says, then call payments.retry_fulfillments()'
           end as next_step
      from payments.fulfillments f
      left join payments.checkout_sessions s
        on s.id = case when f.source ~ '^checkout:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then substr(f.source, 10)::uuid end
      left join lateral (
        select h.amount, h.amount_refunded, h.currency, h.paid_at
          from payments.payment_history h
         where h.environment = f.environment and h.type <> 'refund'
           and h.stripe_checkout_session_id
               -- The sources of fulfillments have another collation than the index.
               = case when f.source like 'session:%' then substr(f.source, 9) else s.stripe_checkout_session_id end collate "default"
        union all
        select h.amount, h.amount_refunded, h.currency, h.paid_at
          from payments.payment_history h
         where h.environment = f.environment and h.type <> 'refund' and h.stripe_payment_intent_id = s.stripe_payment_intent_id
        limit 1) p on true
     where f.state in ('needs_review', 'failed');
  end if;

  -- Money that arrived and gave nothing at all. A job gives nothing.
  if to_regclass('payments.unfulfilled_payments') is null then
    create view payments.unfulfilled_payments with (security_invoker = true) as
    -- Payments: another app's checkout, one whose session is not here, or one that nothing could be given for.
    select p.*, why.reason, why.next_step
      from payments.payment_history p
      left join lateral (
        select s.id, s.metadata ->> 'order_id' as order_id, s.stripe_checkout_session_id
          from payments.checkout_sessions s
         where s.environment = p.environment and s.stripe_checkout_session_id = p.stripe_checkout_session_id
        union all
        select s.id, s.metadata ->> 'order_id', s.stripe_checkout_session_id
          from payments.checkout_sessions s
         where s.environment = p.environment and s.stripe_payment_intent_id = p.stripe_payment_intent_id
        limit 1) s on true
      left join lateral (
        select string_agg(distinct f.reason, '; ') filter (where f.state in ('needs_review', 'failed')) as open,
               string_agg(distinct f.reason, '; ') filter (where f.state = 'skipped') as skipped
          from payments.fulfillments f
         where f.environment = p.environment
           and f.source = any (array['checkout:' || s.id, 'session:' || p.stripe_checkout_session_id])) f on true
     cross join lateral (
        select case
                 when f.open is not null then f.open
                 when s.id is null and p.by_backend then 'another backend wrote this payment, and no checkout session of it is here'
                 when s.id is null and p.stripe_checkout_session_id is not null
                   then 'its checkout session was not made here: a payment link, a pricing table or another app made it'
                 when s.id is null and p.stripe_invoice_id is not null then 'it paid an invoice that no checkout session of ours made'
                 when s.id is null then 'no checkout session of it is here'
                 when not exists (select from payments.attachments) then 'no table of the app is attached, so nothing could be given'
                 when s.order_id is null and exists (select from payments.attachments a where a.kind = 'orders')
                   then 'its checkout session names no order (metadata.order_id)' || coalesce('; ' || f.skipped, '')
                 else coalesce(f.skipped, 'nothing was decided on it')
               end as reason,
               case
                 when f.open is not null then 'see payments.review: mend the cause, then call '
                 when s.id is null then 'give by hand what it is for, or refund it at Stripe; payments.create_checkout_session() makes checkouts that give'
                 when not exists (select from payments.attachments) then 'call payments.create_app_tables() or payments.attach(), then '
                 when s.order_id is null and exists (select from payments.attachments a where a.kind = 'orders')
                   then format('write the order''s id into metadata.order_id of the checkout session %s, or, where no order was made, '
                               'say what the price gives (payments.set_credit_benefit(), payments.set_entitlement_benefit()), then call ', s.id)
                 else 'say what the price gives (payments.set_credit_benefit(), payments.set_entitlement_benefit()), then call '
               end
               || case when s.id is not null then format('payments.retry_fulfillments(reference => %L)', coalesce(s.stripe_checkout_session_id, s.id::text))
                       when f.open is not null then 'payments.retry_fulfillments()' else '' end as next_step) why
     where p.type = 'one_time_payment' and p.status in ('succeeded', 'partially_refunded')
       and not (p.amount > 0 and coalesce(p.amount_refunded, 0) + coalesce(p.amount_lost, 0) >= p.amount)
       -- Two questions instead of one with OR: each is one pass through the tables, however many payments there are.
       and not exists (
         select from payments.checkout_sessions s
           join payments.fulfillments f on f.source = 'checkout:' || s.id and f.environment = s.environment
          where s.environment = p.environment and s.stripe_checkout_session_id = p.stripe_checkout_session_id
            and f.kind <> 'fulfillment_jobs' and f.state in ('applied', 'reversed'))
       and not exists (
         select from payments.checkout_sessions s
           join payments.fulfillments f on f.source = 'checkout:' || s.id and f.environment = s.environment
          where s.environment = p.environment and s.stripe_payment_intent_id = p.stripe_payment_intent_id
            and f.kind <> 'fulfillment_jobs' and f.state in ('applied', 'reversed'))
    union all
    -- Money that nothing claims: a payment intent or a charge that succeeded, of which an hour later (by Stripe's clock)
    -- neither a session nor an invoice speaks. It has no row in payment_history, and so no id.
    select r.*, why.reason, why.next_step
      from (
        select distinct o.environment, f.group_id
          from (
            -- These ranges are read from the primary key alone.
            select i.environment, i.object_id from payments.facts i
             where i.object_id >= 'pi_' and i.object_id < 'pi`'
               and not exists (select from payments.payment_history p
                                where p.stripe_payment_intent_id = i.object_id and p.environment = i.environment and p.type <> 'refund')
            union all
            select c.environment, c.object_id from payments.facts c
             where (c.object_id >= 'ch_' and c.object_id < 'ch`' or c.object_id >= 'py_' and c.object_id < 'py`')
               and not exists (select from payments.payment_history p
                                where p.stripe_charge_id = c.object_id and p.environment = c.environment
                                  and p.type = any ('{one_time_payment,subscription_invoice,failed_payment}'))
            offset 0) o
         cross join lateral (
            -- LIMIT lets each be looked up by itself.
            select s.group_id from payments.facts s
             where s.object_id = o.object_id and s.environment = o.environment and s.statement #>> '{fact,state}' = 'succeeded'
             limit 1) f
         where f.group_id is not null) g
     cross join lateral (
        -- Each object once, as its newest snapshot has it.
        select min(n.at) filter (where n.state = 'succeeded') as paid_at, min(n.created) as created,
               coalesce(sum(n.received) filter (where n.kind = 'payment_intent' and n.state = 'succeeded'),
                        sum(n.charged) filter (where n.kind = 'charge' and n.state = 'succeeded')) as amount,
               greatest(sum(n.amount) filter (where n.kind = 'refund' and n.state = 'succeeded'),
                        sum(n.refunded) filter (where n.kind = 'charge')) as refunded,
               sum(n.amount) filter (where n.kind = 'dispute' and (n.status = 'lost' or n.status like 'appeal\_%')) as lost,
               min(n.currency) filter (where n.state = 'succeeded') as currency, min(n.customer) as customer, min(n.email) as email,
               min(n.description) as description,
               min(n.object_id) filter (where n.kind = 'payment_intent' and n.state = 'succeeded') as intent,
               min(n.object_id) filter (where n.kind = 'charge' and n.state = 'succeeded') as charge,
               min(n.intent) as named_intent, min(n.order_id) as order_id
          from (
            select distinct on (f.object_id) f.object_id, f.object_type as kind, f.statement #>> '{fact,state}' as state,
                   f.statement #>> '{fact,status}' as status, (f.statement #>> '{fact,amount}')::bigint as amount,
                   (f.statement #>> '{fact,amount_received}')::bigint as received,
                   coalesce(f.statement #>> '{fact,amount_captured}', f.statement #>> '{fact,amount}')::bigint as charged,
                   (f.statement #>> '{fact,amount_refunded}')::bigint as refunded, f.statement #>> '{fact,currency}' as currency,
                   f.stripe_customer_id as customer, f.statement #>> '{fact,email}' as email,
                   f.statement #>> '{fact,description}' as description, f.statement #>> '{fact,payment_intent}' as intent,
                   (f.statement #>> '{fact,created}')::bigint as created,
                   case f.object_type when 'charge' then (f.statement #>> '{fact,created}')::bigint
                        else min((f.statement ->> 'created')::bigint) over (partition by f.object_id) end as at,
                   e.payload #>> '{data,object,metadata,order_id}' as order_id
              from payments.facts f
              left join payments.webhook_events e on e.stripe_event_id = f.event_id collate "default" and e.environment = f.environment
             where f.group_id = g.group_id and f.environment = g.environment
             order by f.object_id, f.statement #>> '{fact,state}' = 'succeeded' desc, (f.statement ->> 'created')::bigint desc, f.event_id desc) n
       ) m
      left join payments.stripe_customer_mappings c on c.stripe_customer_id = m.customer collate "default" and c.environment = g.environment
      left join lateral (
        -- A paid invoice of the same customer and amount within a day, of which nothing says what paid it.
        select i.object_id as id
          from payments.facts i
         where i.stripe_customer_id = m.customer and i.environment = g.environment and i.object_type = 'invoice'
           and i.statement #>> '{fact,state}' = 'succeeded' and i.statement #>> '{fact,currency}' = m.currency
           and (i.statement #>> '{fact,amount_paid}')::bigint = m.amount
           and abs(coalesce((i.statement #>> '{fact,paid_at}')::bigint, (i.statement ->> 'created')::bigint) - m.paid_at) <= 86400
           and not exists (select from payments.facts o
                            where o.group_id = i.group_id and o.environment = i.environment
                              and o.object_type in ('invoice_payment', 'payment_intent', 'charge'))
         order by i.object_id
         limit 1) i on true
     cross join lateral jsonb_populate_record(null::payments.payment_history, jsonb_build_object(
        'environment', g.environment, 'type', 'unclaimed', 'subject_type', c.subject_type, 'subject_id', c.subject_id,
        'status', case when m.refunded > 0 then 'partially_refunded' else 'succeeded' end, 'by_backend', false,
        'stripe_customer_id', m.customer, 'customer_email_snapshot', m.email, 'stripe_payment_intent_id', coalesce(m.intent, m.named_intent),
        'stripe_charge_id', m.charge, 'amount', m.amount, 'amount_refunded', coalesce(m.refunded, 0), 'amount_lost', m.lost,
        'lost_in_other_currency', false, 'currency', m.currency, 'description', m.description, 'paid_at', to_timestamp(m.paid_at),
        'stripe_created_at', to_timestamp(m.created), 'raw', jsonb_build_object(),
        'created_at', to_timestamp(m.paid_at), 'updated_at', to_timestamp(m.paid_at))) r
     cross join lateral (
        select case
                 when i.id is not null
                   then format('it is probably what paid the invoice %s: the customer, the amount and the day are the same, and no invoice_payment.paid was received', i.id)
                 when m.order_id is not null
                   -- As payments.visible() does it, which a view may not call.
                   then format('neither a checkout session nor an invoice speaks of it, though its metadata names the order %s',
                               regexp_replace(m.order_id, '[\u0001-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]', '�', 'g'))
                 else 'neither a checkout session nor an invoice speaks of it, and its metadata names no order'
               end as reason,
               case
                 when i.id is not null
                   then 'add invoice_payment.paid to the events of the webhook endpoint, and backfill the invoice''s payments with payments.sync_stripe_objects()'
                 when m.order_id is not null
                   then 'compare it with the order, then give by hand or refund it at Stripe: only a checkout session pays an order'
                 else 'find out at Stripe what it is for, then give by hand or refund it there'
               end as next_step) why
     where m.amount > coalesce(m.refunded, 0) + coalesce(m.lost, 0)
       and m.paid_at < extract(epoch from now()) - 3600
       -- Asked of each group by itself. The ids of facts have another collation than the indexes that look them up.
       and (
         select true from payments.facts f
          cross join lateral (select u collate "default" from unnest(f.keys) as u) as k (key)
          cross join lateral (
            (select from payments.payment_history p
              where p.environment = f.environment and p.type <> 'refund' and p.stripe_payment_intent_id = k.key limit 1)
            union all
            (select from payments.payment_history p
              where p.environment = f.environment and p.type <> 'refund' and p.stripe_checkout_session_id = k.key limit 1)
            union all
            (select from payments.payment_history p
              where p.environment = f.environment and p.type <> 'refund' and p.stripe_invoice_id = k.key limit 1)
            union all
            (select from payments.payment_history p
              where p.environment = f.environment and p.stripe_charge_id = k.key and p.type <> 'refund' and p.type <> 'dispute'
                and (p.by_backend or (p.stripe_payment_intent_id is null and p.stripe_checkout_session_id is null and p.stripe_invoice_id is null))
              limit 1)) p
          where f.group_id = g.group_id and f.environment = g.environment
          limit 1) is null;
  end if;
end
$install$;

select payments.make_review_views();

set local search_path = payments, pg_temp;
