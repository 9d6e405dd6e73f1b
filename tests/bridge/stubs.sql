-- What of the database's side an older build lacks: each function is made only where the extension has none.
alter table payments.stripe_connections
  add column if not exists events_cursor text,
  add column if not exists events_read_at timestamptz,
  add column if not exists webhook_api_version text;
create schema stub;
create table stub.leases (session_id uuid primary key, attempt integer not null, due_at timestamptz not null);
create table stub.progress (environment text, resource text, cursor text, objects bigint, finished boolean, error text,
                            primary key (environment, resource));
create table stub.reads (environment text, path text, params jsonb, reason text);

do $stubs$
begin
  if to_regprocedure('payments.claim_session_requests(integer,interval)') is not null then
    return;
  end if;

  create type payments.session_request as (session_id uuid, kind text, environment text, request jsonb, attempt integer,
                                           first_claimed_at timestamptz, lease_until timestamptz);
  create type payments.stripe_read as (environment text, path text, params jsonb, reason text);
  create type payments.finding as (check_name text, ok boolean, detail text, fix text);

  create function payments.claim_session_requests(n integer default 10, lease interval default '1 minute')
    returns setof payments.session_request language plpgsql security definer as $$
  declare
    one record;
    tried integer;
  begin
    for one in select s.id, s.environment from payments.checkout_sessions s
                 left join stub.leases l on l.session_id = s.id
                where s.status = 'initialized' and coalesce(l.due_at, '-infinity') <= clock_timestamp()
                order by s.created_at limit n for update of s skip locked
    loop
      insert into stub.leases as l values (one.id, 1, clock_timestamp() + lease)
      on conflict (session_id) do update set attempt = l.attempt + 1, due_at = excluded.due_at returning l.attempt into tried;
      return next row(one.id, 'checkout', one.environment, payments.stripe_request(one.id), tried, now(), now() + lease)::payments.session_request;
    end loop;
  end $$;

  create function payments.postpone_session_request(session_id uuid, delay interval, error text default null)
    returns void language sql security definer as $$
    update payments.checkout_sessions s set last_error = $3 where s.id = $1;
    update stub.leases l set due_at = clock_timestamp() + $2 where l.session_id = $1;
  $$;

  create function stub.announce() returns trigger language plpgsql security definer as $$
  begin
    perform pg_notify('payments_sessions', new.environment);
    return null;
  end $$;
  create trigger announce after insert on payments.checkout_sessions for each row execute function stub.announce();

  create function payments.handled_event_types() returns setof text immutable language sql as $$
    select * from unnest(array['product.created', 'product.updated', 'product.deleted', 'price.created', 'price.updated',
      'customer.created', 'customer.updated', 'checkout.session.completed', 'payment_intent.succeeded',
      'charge.succeeded', 'charge.updated', 'charge.refunded', 'refund.created', 'refund.updated', 'refund.failed',
      'invoice.paid', 'invoice.finalized', 'invoice_payment.paid', 'charge.dispute.created', 'charge.dispute.closed',
      'customer.subscription.created', 'customer.subscription.updated', 'customer.subscription.deleted'])
  $$;

  create function payments.events_cursor(environment text) returns text language sql security definer as $$
    select c.events_cursor from payments.stripe_connections c where c.environment = $1
  $$;
  create function payments.set_events_cursor(environment text, event_id text) returns void language sql security definer as $$
    insert into payments.stripe_connections (environment, events_cursor, events_read_at) values ($1, $2, now())
    on conflict (environment) do update set events_cursor = excluded.events_cursor, events_read_at = now()
  $$;
  create function payments.record_webhook_endpoint(environment text, endpoint_id text, url text, api_version text default null)
    returns void language sql security definer as $$
    insert into payments.stripe_connections (environment, webhook_endpoint_id, webhook_endpoint_url, webhook_configured_at, webhook_api_version)
    values ($1, $2, $3, now(), $4)
    on conflict (environment) do update set webhook_endpoint_id = $2, webhook_endpoint_url = $3, webhook_configured_at = now(), webhook_api_version = $4
  $$;

  create function payments.sync_position(environment text, resource text) returns text language sql security definer as $$
    select p.cursor from stub.progress p where p.environment = $1 and p.resource = $2 and not p.finished
  $$;
  create function payments.record_sync(environment text, resource text, cursor text, objects bigint, finished boolean default false,
                                       error text default null) returns void language sql security definer as $$
    insert into stub.progress as p values ($1, $2, $3, $4, $5, $6)
    on conflict on constraint progress_pkey do update
       set cursor = coalesce($3, p.cursor), objects = p.objects + $4, finished = $5, error = $6
  $$;

  create function payments.claim_stripe_reads(n integer default 10, lease interval default '5 minutes')
    returns setof payments.stripe_read language sql security definer as $$
    delete from stub.reads r returning r.environment, r.path, r.params, r.reason
  $$;
end
$stubs$;

do $stubs$
begin
  if to_regtype('payments.finding') is null then
    create type payments.finding as (check_name text, ok boolean, detail text, fix text);
  end if;
  if to_regprocedure('payments.doctor()') is null then
    create function payments.doctor() returns setof payments.finding language sql security definer as $$
      values ('secret of test', payments.has_webhook_secret('test'), 'of its endpoint', 'payments-bridge setup')
    $$;
  end if;
end
$stubs$;

-- Who the bridge is: an admin that logs in, and no superuser.
create role bridge login;
select payments.grant_role('bridge', 'admin');
