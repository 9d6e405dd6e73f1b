set local search_path = pg_catalog, pg_temp;

-- What the doctor asks about Stripe and its events; see doctor.sql.

create function payments.doctor_secrets() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select coalesce(s.last_until > now() + interval '3 days', false),
         case when s.n = 0 then format('%s has no webhook secret that is valid now, so no event can be verified.', initcap(e.environment))
              when s.last_until <= now() + interval '3 days'
                then format('The last webhook secret of %s ends at %s.', e.environment, s.last_until)
              when s.rolled_until is not null
                then format('%s has the secret that was set at %s; the previous one is valid until %s.', initcap(e.environment), s.set_at, s.rolled_until)
              else format('%s has the secret that was set at %s.', initcap(e.environment), s.set_at) end,
         case when s.n = 0 or s.last_until <= now() + interval '3 days'
              then format('select payments.set_webhook_secret(%L, ''whsec_…'')', e.environment) end
    from payments.environments_in_use() as e (environment)
   cross join lateral (
     select count(*) as n, max(t.valid_from) as set_at, max(coalesce(t.valid_until, 'infinity')) as last_until,
            max(t.valid_until) filter (where t.valid_until < 'infinity') as rolled_until
       from payments.webhook_secret_terms(e.environment) t) s
$$;

create function payments.doctor_live() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select e.live_approved_at is not null,
         case when e.live_approved_at is not null then format('Live was approved by %s at %s.', e.live_approved_by, e.live_approved_at)
              when e.went_live_at is not null
                then format('Live was approved before (at %s) and is closed: its sessions and events are refused.', e.went_live_at)
              else 'Live has a webhook secret, and nobody has approved it: its sessions and events are refused.' end,
         case when e.live_approved_at is null then 'select payments.approve_live(''the name of who approves'')' end
    from payments.environments e
   where e.environment = 'live' and 'live' in (select payments.environments_in_use())
$$;

create function payments.doctor_accounts() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('%s does not know its own Stripe account, so the events of an organization cannot be told from those of connected accounts.',
                initcap(e.environment)),
         format('select payments.set_stripe_account(%L, ''acct_…'')', e.environment)
    from payments.environments_in_use() as e (environment)
   where not exists (select from payments.stripe_connections c
                      where c.environment = e.environment and c.stripe_account_id is not null)
$$;

create function payments.doctor_wrong_livemode() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('%s event(s) of the other mode were posted to the endpoint of %s, the last at %s: at Stripe, its URL is registered in the wrong mode.',
                c.wrong_livemode_count, c.environment, c.wrong_livemode_at),
         format('update payments.stripe_connections set wrong_livemode_count = 0, wrong_livemode_at = null where environment = %L', c.environment)
    from payments.stripe_connections c
   where c.wrong_livemode_count > 0
   order by c.environment desc
$$;

-- A Stripe session ends within a day, and Stripe says so. One that is open for longer was not heard of.
create function payments.doctor_event_age() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select not d.silent and o.n = 0,
         case when d.silent then format('%s has a webhook secret since %s, and no event ever came.', initcap(e.environment), s.since)
              when o.n > 0
                then format('%s checkout session(s) of %s are open for more than a day, and nothing was heard of their end. ', o.n, e.environment)
              else '' end
         || case when w.last_at is null then format('No event of %s came so far.', e.environment)
                 else format('The last event of %s came %s ago, at %s.', e.environment, date_trunc('second', now() - w.last_at), w.last_at) end,
         case when d.silent or o.n > 0 and coalesce(w.last_at < o.first_at, true) then 'payments-bridge setup'
              when o.n > 0 then 'payments-bridge sync' end
    from payments.environments_in_use() as e (environment)
   cross join lateral (
     select max(w.received_at) as last_at from payments.webhook_events w
      where w.environment = e.environment and w.ctid >= (select payments.newest_pages('payments.webhook_events'))) w
   cross join lateral (select min(t.valid_from) as since from payments.webhook_secret_terms(e.environment) t) s
   cross join lateral (
     select count(*) as n, min(o.created_at) as first_at from payments.checkout_sessions o
      where o.environment = e.environment and o.status = 'open' and o.created_at < now() - interval '26 hours'
        and o.stripe_checkout_session_id is not null and o.ctid >= (select payments.newest_pages('payments.checkout_sessions'))) o
   cross join lateral (select w.last_at is null and coalesce(s.since < now() - interval '1 day', false) as silent) d
$$;

-- Of an event type that Stripe always sends with another one, when the other came long ago and it never did.
create function payments.doctor_event_types() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with seen as materialized (
    select w.environment, w.event_type, min(w.received_at) as first_at
      from payments.webhook_events w
     where w.ctid >= (select payments.newest_pages('payments.webhook_events'))
     group by w.environment, w.event_type
  ), missing as (
    select s.environment, string_agg(distinct c.type, ', ') as types, string_agg(distinct c.given, ', ') as given
      from (values
        ('payment_intent.succeeded', 'charge.succeeded'), ('customer.subscription.created', 'invoice.finalized'),
        ('invoice.paid', 'invoice.finalized'), ('charge.refunded', 'refund.created'), ('refund.created', 'charge.refunded'),
        ('charge.dispute.closed', 'charge.dispute.created'),
        ('checkout.session.async_payment_succeeded', 'checkout.session.completed')) as c (given, type)
      join seen s on s.event_type = c.given and s.first_at < now() - interval '1 day'
     where c.type in (select payments.handled_event_types())
       and not exists (select from seen o where o.environment = s.environment and o.event_type = c.type)
     group by s.environment
  ), unseen as (
    select e.environment, string_agg(h.type, ', ' order by h.type) as types
      from payments.environments_in_use() as e (environment)
     cross join payments.handled_event_types() as h (type)
     where not exists (select from seen s where s.environment = e.environment and s.event_type = h.type)
     group by e.environment
  )
  select m.types is null,
         case when m.types is not null
                then format('%s never sent %s, which Stripe sends with %s: the webhook endpoint does not ask for it. ', initcap(e.environment), m.types, m.given)
              else '' end
         || coalesce(format('Not seen in %s so far: %s.', e.environment, u.types), format('Every event type that is handled was seen in %s.', e.environment)),
         case when m.types is not null then 'payments-bridge setup' end
    from payments.environments_in_use() as e (environment)
    left join missing m on m.environment = e.environment
    left join unseen u on u.environment = e.environment
$$;

create function payments.doctor_failed_events() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('%s event(s) of %s failed, and %s wait(s) for more than an hour. ', f.failed, f.environment, f.pending)
         || coalesce(format('The last: %s, %s.', f.last_event, f.last_error), ''),
         format('select payments.replay_events(%L)', f.environment)
    from (
      select w.environment, count(*) filter (where w.processing_status = 'failed') as failed,
             count(*) filter (where w.processing_status = 'pending') as pending,
             (array_agg(w.stripe_event_id order by w.received_at desc))[1] as last_event,
             (array_agg(coalesce(w.last_error, 'not processed yet') order by w.received_at desc))[1] as last_error
        from payments.webhook_events w
       where w.processing_status = any ('{failed,pending}')
         and (w.processing_status = 'failed' or w.received_at < now() - interval '1 hour')
       group by w.environment) f
   order by f.environment desc
$$;

-- A claim on a customer that another claim, with earlier evidence, has. What an admin wrote is decided.
create function payments.doctor_mappings() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with claim as materialized (
    select c.environment, c.subject_type, c.subject_id, c.stripe_customer_id
      from payments.mapping_claims c
     where c.ctid >= (select payments.newest_pages('payments.mapping_claims'))
  ), refused as (
    select c.*, m.subject_type as mapped_type, m.subject_id as mapped_id, m.stripe_customer_id as mapped_customer
      from claim c
      join payments.stripe_customer_mappings m
        on m.environment = c.environment and m.subject_type = c.subject_type and m.subject_id = c.subject_id
       and m.stripe_customer_id <> c.stripe_customer_id
     where m.evidence_event_id is not null
    union
    select c.*, m.subject_type, m.subject_id, m.stripe_customer_id
      from claim c
      join payments.stripe_customer_mappings m
        on m.environment = c.environment and m.stripe_customer_id = c.stripe_customer_id
       and (m.subject_type, m.subject_id) <> (c.subject_type, c.subject_id)
     where m.evidence_event_id is not null
  )
  select false,
         format('A completed session of %s says that %s %s is customer %s. By earlier evidence %s %s is customer %s. '
                'The fix confirms that; write another mapping where it is wrong.',
                r.environment, r.subject_type, r.subject_id, r.stripe_customer_id, r.mapped_type, r.mapped_id, r.mapped_customer),
         format('update payments.stripe_customer_mappings set updated_at = now() where environment = %L and subject_type = %L and subject_id = %L',
                r.environment, r.mapped_type, r.mapped_id)
    from refused r
   order by r.environment desc, r.subject_type, r.subject_id
   limit 20
$$;

create function payments.doctor_sync() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('The last backfill of %s failed: %s.', c.environment, rtrim(coalesce(c.last_sync_error, 'no reason was recorded'), '.')),
         'payments-bridge sync'
    from payments.stripe_connections c
   where c.last_sync_status = 'failed'
  union all
  select false, format('The connection of %s with Stripe is in error.', c.environment), 'payments-bridge setup'
    from payments.stripe_connections c
   where c.status = 'error'
$$;

-- Stripe forgets idempotency keys after a day: what waited for so long is not sent any more. A request about a subscription is, unless
-- it may have been sent before; see payments.too_late().
create function payments.doctor_unsent_sessions() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with waiting as (
    select s.environment, 'checkout_sessions' as relation, s.created_at, true as is_forgotten from payments.checkout_sessions s
     where s.status = 'initialized' and s.created_at < now() - interval '10 minutes' and s.ctid >= (select payments.newest_pages('payments.checkout_sessions'))
    union all
    select s.environment, 'customer_portal_sessions', s.created_at, true from payments.customer_portal_sessions s
     where s.status = 'initialized' and s.created_at < now() - interval '10 minutes'
       and s.ctid >= (select payments.newest_pages('payments.customer_portal_sessions'))
    union all
    select s.environment, 'subscription_requests', s.created_at,
           s.request is not null
           or exists (select from payments.request_leases l where l.session_id = s.id and l.first_claimed_at < now() - interval '23 hours')
      from payments.subscription_requests s
     where s.status = 'initialized' and s.created_at < now() - interval '10 minutes'
       and s.ctid >= (select payments.newest_pages('payments.subscription_requests'))
  )
  select false,
         format('%s row(s) of payments.%s in %s wait to be sent to Stripe, the first since %s: ', count(*), w.relation, w.environment, min(w.created_at))
         || case when a.too_old then 'too long, they cannot be sent any more.' else 'nothing sends the requests.' end,
         case when a.too_old
              then format('select count(payments.record_stripe_error(id, %L)) from payments.%s '
                          'where environment = %L and status = ''initialized'' and created_at < now() - interval ''23 hours''%s',
                          case w.relation when 'subscription_requests' then 'it may have been sent, and no answer was recorded: look at Stripe'
                                          else 'it was never sent to Stripe' end, w.relation, w.environment,
                          case w.relation when 'subscription_requests'
                            then ' and (request is not null or exists (select from payments.request_leases l where l.session_id = id '
                                 'and l.first_claimed_at < now() - interval ''23 hours''))' else '' end)
              else 'payments-bridge serve' end
    from waiting w
   cross join lateral (select w.is_forgotten and w.created_at < now() - interval '23 hours' as too_old) a
   group by w.environment, w.relation, a.too_old
   order by w.environment desc, w.relation, a.too_old
$$;

create function payments.doctor_review() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('%s fulfillment(s) of %s are %s, for example: %s.', count(*), f.environment, f.state, rtrim(coalesce(min(f.reason), 'no reason'), '.'))
         || case f.state when 'needs_review' then ' payments.review has the next step of each.' else '' end,
         format('select payments.retry_fulfillments(%L)', f.environment)
    from payments.fulfillments f
   where f.state in ('needs_review', 'failed')
   group by f.environment, f.state
   order by f.environment desc, f.state
$$;

-- Of a small shop all that the view has; of a large one what is new and what the view's first part asks.
create function payments.doctor_unfulfilled() returns table (ok boolean, detail text, fix text)
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  small constant boolean := pg_relation_size('payments.payment_history'::regclass) + pg_relation_size('payments.facts'::regclass) < 32 * 1024 * 1024;
begin
  return query
    select false,
           format('%s payment(s) of %s%s gave nothing: %s %s.', count(*), u.environment, case when small then '' else ', of the newest,' end,
                  sum(u.amount), coalesce(u.currency, 'of no currency')),
           format('select amount, currency, reason, next_step from payments.unfulfilled_payments where environment = %L', u.environment)
      from (
        select v.environment, v.amount, v.currency from payments.unfulfilled_payments v where small
        union all
        select p.environment, p.amount, p.currency
          from payments.payment_history p
         where not small and p.ctid >= (select payments.newest_pages('payments.payment_history'))
           and p.type = 'one_time_payment' and p.status in ('succeeded', 'partially_refunded')
           and not (p.amount > 0 and coalesce(p.amount_refunded, 0) + coalesce(p.amount_lost, 0) >= p.amount)
           and not exists (
             select from payments.checkout_sessions s
               join payments.fulfillments f on f.source = 'checkout:' || s.id and f.environment = s.environment
              where s.environment = p.environment and s.stripe_checkout_session_id = p.stripe_checkout_session_id
                and f.kind <> 'fulfillment_jobs' and f.state in ('applied', 'reversed'))
           and not exists (
             select from payments.checkout_sessions s
               join payments.fulfillments f on f.source = 'checkout:' || s.id and f.environment = s.environment
              where s.environment = p.environment and s.stripe_payment_intent_id = p.stripe_payment_intent_id
                and f.kind <> 'fulfillment_jobs' and f.state in ('applied', 'reversed'))) u
     group by u.environment, u.currency
     order by u.environment desc, u.currency;
end
$$;

set local search_path = payments, pg_temp;
