set local search_path = pg_catalog, pg_temp;

-- What must be fetched from Stripe because a purchase waits for it.

create type payments.stripe_read as (environment text, path text, params jsonb, reason text);

-- After so many tries a person is asked: the purchase stands in payments.review all the time.
create function payments.most_reads() returns integer
  language sql immutable set search_path = pg_catalog, pg_temp
as $$ select 8 $$;

-- What purchases wait for. Each says in payments.fulfillments what it is: Stripe's line items of a session, or the lines of an invoice.
create function payments.awaited_reads() returns setof payments.stripe_read
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select distinct on (f.environment, w.path) f.environment, w.path, jsonb_build_object('limit', 100), f.reason
    from payments.fulfillments f
    left join payments.checkout_sessions s
      on s.id = case when f.source ~ '^checkout:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then substr(f.source, 10)::uuid end
   cross join lateral (
     select case
              when starts_with(f.item, 'lines:in_') then format('/v1/invoices/%s/lines', substr(f.item, 7))
              when f.item = 'line_items' and f.reason ~ '/v1/invoices/in_[0-9A-Za-z_]+/lines'
                then substring(f.reason from '/v1/invoices/in_[0-9A-Za-z_]+/lines')
              when f.item = 'line_items'
                then format('/v1/checkout/sessions/%s/line_items',
                            coalesce(s.stripe_checkout_session_id, case when f.source like 'session:%' then substr(f.source, 9) end))
            end as path) w
   where f.environment = any ('{test,live}') and f.state = 'needs_review'
     and (f.item = 'line_items' or starts_with(f.item, 'lines:in_'))
     and w.path is not null and w.path !~ '//'
   order by f.environment, w.path, f.updated_at
$$;

/* Takes up to n objects that are to be fetched from Stripe with GET because a purchase waits for them, for this worker alone: the line
   items of a completed session, the lines of an invoice of which the event had a part. All pages of one together, as one list with its url, are passed
   to sync_stripe_objects(). What is not there after the lease is claimed again, later and later; after 8 tries only a person is asked, in payments.review.

   Raises 22023 (n or lease). */
create function payments.claim_stripe_reads(n integer default 10, lease interval default '5 minutes')
  returns setof payments.stripe_read
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.claim_stripe_reads_body(n integer, lease interval) returns setof payments.stripe_read
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  awaited payments.stripe_read;
  given integer := 0;
begin
  perform payments.check_lease(n, lease);
  for awaited in
    select a.*
      from payments.awaited_reads() a
      left join payments.read_leases l on l.path = a.path and l.environment = a.environment
     where l.due_at is null or (l.due_at <= clock_timestamp() and l.attempt < payments.most_reads())
     order by coalesce(l.due_at, '-infinity'), a.path
  loop
    exit when given >= n;
    -- As with requests: the lease's own row decides. Each try waits twice as long as the one before.
    insert into payments.read_leases as l (environment, path, attempt, due_at)
    values (awaited.environment, awaited.path, 1, clock_timestamp() + lease)
    on conflict on constraint read_leases_pkey do update
       set attempt = l.attempt + 1, due_at = clock_timestamp() + lease * (2 ^ least(l.attempt, 10))
     where l.due_at <= clock_timestamp() and l.attempt < payments.most_reads();
    if found then
      given := given + 1;
      return next awaited;
    end if;
  end loop;
  delete from payments.read_leases l
   where l.due_at < clock_timestamp()
     and not exists (select from payments.awaited_reads() a where a.path = l.path and a.environment = l.environment);
end
$$;

set local search_path = payments, pg_temp;
