-- waiting_requests: locks the rows that wait to be sent to Stripe and are due, the oldest first (JSON objects).
-- $1 how many bigint
-- They are returned by subject: a claim locks the trials of the subjects in this order, so no two claims deadlock.
-- Of one subscription only the request that was made first: Stripe must hear of them in their order.
with closed as materialized (
  select e.environment from payments.environments e
   where e.environment operator(pg_catalog.=) 'live' and e.live_approved_at is null
), checkouts as materialized (
  select 'checkout' as kind, s.id, s.environment, s.created_at, s.subject_type, s.subject_id
    from payments.checkout_sessions s
    left join payments.request_leases l on l.session_id operator(pg_catalog.=) s.id
   where s.status operator(pg_catalog.=) 'initialized' and s.stripe_checkout_session_id is null
     and (l.due_at is null or l.due_at operator(pg_catalog.<=) pg_catalog.clock_timestamp())
     and not exists (select from closed c where (c.environment operator(pg_catalog.=) s.environment) is true)
   order by s.created_at
   limit $1
     for no key update of s skip locked
), portals as materialized (
  select 'portal' as kind, s.id, s.environment, s.created_at, s.subject_type, s.subject_id
    from payments.customer_portal_sessions s
    left join payments.request_leases l on l.session_id operator(pg_catalog.=) s.id
   where s.status operator(pg_catalog.=) 'initialized' and s.url is null
     and (l.due_at is null or l.due_at operator(pg_catalog.<=) pg_catalog.clock_timestamp())
     and not exists (select from closed c where (c.environment operator(pg_catalog.=) s.environment) is true)
   order by s.created_at
   limit $1
     for no key update of s skip locked
), changes as materialized (
  select 'subscription' as kind, s.id, s.environment, s.created_at, null::pg_catalog.text, null::pg_catalog.text
    from payments.subscription_requests s
    left join payments.request_leases l on l.session_id operator(pg_catalog.=) s.id
   where s.status operator(pg_catalog.=) 'initialized'
     and (l.due_at is null or l.due_at operator(pg_catalog.<=) pg_catalog.clock_timestamp())
     and not exists (select from closed c where (c.environment operator(pg_catalog.=) s.environment) is true)
     and not exists (
       select from payments.subscription_requests o
        where o.stripe_subscription_id operator(pg_catalog.=) s.stripe_subscription_id
          and o.created_at operator(pg_catalog.<=) s.created_at
          and o.status operator(pg_catalog.=) 'initialized' and (o.environment operator(pg_catalog.=) s.environment) is true
          and (o.created_at operator(pg_catalog.<) s.created_at or o.id operator(pg_catalog.<) s.id))
   order by s.created_at
   limit $1
     for no key update of s skip locked
)
select pg_catalog.json_build_object('kind', w.kind, 'session_id', w.id, 'environment', w.environment)::pg_catalog.text
  from (
    select * from (select * from checkouts union all select * from portals union all select * from changes) o
     order by o.created_at, o.id
     limit $1) w
 order by w.subject_type nulls first, w.subject_id, w.created_at, w.id;
