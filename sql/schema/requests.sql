set local search_path = pg_catalog, pg_temp;

-- Who sends what waits: claim, postpone. Which rows wait is asked in src/session/waiting.rs.

create type payments.session_request as (
  session_id uuid,
  kind text,
  environment text,
  request jsonb,
  attempt integer,
  first_claimed_at timestamptz,
  lease_until timestamptz
);

-- For how long Stripe is sure to know an idempotency key: it forgets one after 24 hours.
create function payments.key_lifetime() returns interval
  language sql immutable set search_path = pg_catalog, pg_temp
as $$ select interval '23 hours' $$;

-- Why a row is not sent any more; null where it may be. A request may have been sent since it was claimed, or since it was asked for with
-- stripe_request(): after that time its key may be forgotten, and the same request would be done twice. A checkout or portal that
-- nobody sent in that time is no longer waited for; what was asked of a subscription is.
create function payments.too_late(kind text, session_id uuid) returns text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select case
           when coalesce(l.first_claimed_at, case when r.asked then r.created_at end) < clock_timestamp() - payments.key_lifetime()
             then 'it was first sent to Stripe over 23 hours ago and no answer was recorded: Stripe may have forgotten its idempotency key, '
                  'so that it is not sent again; look at Stripe whether it was done'
           when too_late.kind <> 'subscription' and r.created_at < clock_timestamp() - payments.key_lifetime()
             then 'nobody sent it to Stripe for 23 hours, so that nobody waits for it any more; make a new session'
         end
    from (select s.created_at, s.request is not null as asked from payments.checkout_sessions s where $1 = 'checkout' and s.id = $2
          union all
          select s.created_at, s.request is not null from payments.customer_portal_sessions s where $1 = 'portal' and s.id = $2
          union all
          select s.created_at, s.request is not null from payments.subscription_requests s where $1 = 'subscription' and s.id = $2) r
    left join payments.request_leases l on l.session_id = $2
$$;

-- Claims one waiting row, which must be locked. Null if another worker claimed it meanwhile, or if it cannot be sent; then the row or its
-- lease says why. An error of one row does not stop the others.
create function payments.claim_request(kind text, session_id uuid, environment text, lease interval) returns payments.session_request
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  claimed payments.session_request;
  late text := payments.too_late(kind, session_id);
  said jsonb;
  wrong text;
begin
  if late is null then
    -- The snapshot that found the row may be older than another worker's lease, so the row of the lease decides.
    insert into payments.request_leases as l (session_id, environment, attempt, due_at)
    values (session_id, environment, 1, clock_timestamp() + lease)
    on conflict on constraint request_leases_pkey do update
       set attempt = l.attempt + 1, due_at = excluded.due_at, last_error = null,
           first_claimed_at = case l.attempt when 0 then clock_timestamp() else l.first_claimed_at end
     where l.due_at <= clock_timestamp()
    returning l.session_id, kind, l.environment, null::jsonb, l.attempt, l.first_claimed_at, l.due_at into claimed;
    if claimed.session_id is null then
      return null;
    end if;
  end if;
  -- The second turn records an error that the first found to be final: a portal without a customer, say.
  for turn in 1 .. 2 loop
    begin
      if late is not null then
        perform payments.record_stripe_error(session_id, late);
        return null;
      end if;
      select payments.stripe_request(session_id) into said;
      select claimed.session_id, claimed.kind, claimed.environment, said, claimed.attempt, claimed.first_claimed_at, claimed.lease_until
        into claimed;
      return claimed;
    exception
      when others then
        -- A cancel is not caught. An error that is not about this row is raised to the caller.
        if sqlstate ~ '^(40|53|57|58|XX)' then
          raise;
        end if;
        wrong := payments.without_secrets(format('%s: %s', sqlstate, sqlerrm));
    end;
    late := case when wrong ~ '^PT404' then substr(wrong, 8) end;
    exit when late is null;
  end loop;
  insert into payments.request_leases as l (session_id, environment, due_at, last_error)
  values (session_id, environment, clock_timestamp() + lease, wrong)
  on conflict on constraint request_leases_pkey do update set due_at = excluded.due_at, last_error = wrong;
  return null;
end
$$;

-- How many of something a worker claims at once.
create function payments.check_count(n integer) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if n is null or n not between 1 and 1000 then
    raise exception 'n must be from 1 to 1000'
      using errcode = '22023', detail = format('It is %s.', coalesce(n::text, 'null')), hint = 'Pass how many this worker can work on at once.';
  end if;
end
$$;

create function payments.check_lease(n integer, lease interval) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.check_count(n);
  if lease is null or not (lease between interval '1 second' and payments.key_lifetime()) then
    raise exception 'lease must be from 1 second to 23 hours'
      using errcode = '22023', detail = format('It is %s.', coalesce(lease::text, 'null')),
            hint = 'Pass how long this worker takes at most; after that another may claim the same.';
  end if;
end
$$;

/* Takes up to n rows of checkout_sessions, customer_portal_sessions and subscription_requests that wait to be sent to Stripe, the oldest
   first, for this worker alone, each with its exact request. A worker that neither records an answer nor postpones within the lease
   is taken for lost: the row is claimed again, with the same idempotency key. What was first claimed over 23 hours ago, or asked for with
   stripe_request() before that, is never given out again: it becomes failed, with the reason. Rows of live wait while live is not
   approved. Workers LISTEN payments_sessions; of one subscription's requests the next waits for the answer to the one before.

   Raises 22023 (n or lease). */
create function payments.claim_session_requests(n integer default 10, lease interval default '1 minute')
  returns setof payments.session_request
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.claim_session_requests_body(n integer, lease interval) returns setof payments.session_request
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  waiting record;
  claimed payments.session_request;
  given integer := 0;
  looked_at integer;
begin
  perform payments.check_lease(n, lease);
  -- What was answered by an event, or changed by the app, left its lease.
  delete from payments.request_leases l
   where l.ctid = any (array(
     select o.ctid from payments.request_leases o
      where o.due_at < clock_timestamp() - interval '1 hour'
        and not exists (select from payments.checkout_sessions s where s.id = o.session_id and s.status = 'initialized')
        and not exists (select from payments.customer_portal_sessions s where s.id = o.session_id and s.status = 'initialized')
        and not exists (select from payments.subscription_requests s where s.id = o.session_id and s.status = 'initialized')
      limit 100
        for update skip locked));
  -- Where another worker was faster, there may be more.
  for turn in 1 .. 5 loop
    looked_at := 0;
    for waiting in select w.kind, w.session_id, w.environment from payments.waiting_requests(n - given) w loop
      looked_at := looked_at + 1;
      claimed := payments.claim_request(waiting.kind, waiting.session_id::uuid, waiting.environment, lease);
      if claimed.session_id is not null then
        given := given + 1;
        return next claimed;
      end if;
    end loop;
    exit when given >= n or looked_at = 0;
  end loop;
end
$$;

/* Says that a request could not be sent, or got no final answer: it may be claimed again after the delay, under the same idempotency
   key, and waits till then. error says why; it stands in last_error meanwhile. What is answered already stays so.

   Raises P0002 (no such session), 22023 (the delay). */
create function payments.postpone_session_request(session_id uuid, delay interval, error text default null) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.postpone_session_request_body(session_id uuid, delay interval, error text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  reason text := left(payments.without_secrets(error), 2000);
  waits_in text;
begin
  perform payments.hide_secrets_from_log(array[error]);
  if delay is null or not (delay between interval '0' and payments.key_lifetime()) then
    raise exception 'delay must be from 0 to 23 hours'
      using errcode = '22023', detail = format('It is %s.', coalesce(delay::text, 'null')), hint = 'Pass when to try again.';
  end if;
  -- The row first, as who claims it does.
  select w.environment into waits_in
    from (select s.environment, s.status from payments.checkout_sessions s where s.id = $1
          union all
          select s.environment, s.status from payments.customer_portal_sessions s where s.id = $1
          union all
          select s.environment, s.status from payments.subscription_requests s where s.id = $1) w;
  if not found then
    perform payments.no_such_session(session_id);
  end if;
  perform from payments.checkout_sessions s where s.id = $1 for no key update;
  perform from payments.customer_portal_sessions s where s.id = $1 for no key update;
  perform from payments.subscription_requests s where s.id = $1 for no key update;

  perform set_config('search_path', payments.ordinary_search_path(), true);
  if reason is not null then
    update payments.checkout_sessions as s set last_error = reason
     where s.id operator(pg_catalog.=) $1 and s.status operator(pg_catalog.=) 'initialized';
    update payments.customer_portal_sessions as s set last_error = reason
     where s.id operator(pg_catalog.=) $1 and s.status operator(pg_catalog.=) 'initialized';
    update payments.subscription_requests as s set last_error = reason
     where s.id operator(pg_catalog.=) $1 and s.status operator(pg_catalog.=) 'initialized';
  end if;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

  if exists (select from payments.checkout_sessions s where s.id = $1 and s.status = 'initialized')
     or exists (select from payments.customer_portal_sessions s where s.id = $1 and s.status = 'initialized')
     or exists (select from payments.subscription_requests s where s.id = $1 and s.status = 'initialized')
  then
    insert into payments.request_leases as l (session_id, environment, due_at)
    values ($1, waits_in, clock_timestamp() + delay)
    on conflict on constraint request_leases_pkey do update set due_at = excluded.due_at;
  end if;
end
$$;

-- Forgets who had it: it is answered.
create function payments.end_lease(session_id uuid) returns void
  language sql set search_path = pg_catalog, pg_temp
as $$ delete from payments.request_leases l where l.session_id = $1 $$;

set local search_path = payments, pg_temp;
