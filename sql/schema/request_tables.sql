set local search_path = pg_catalog, pg_temp;

-- What is asked of Stripe and waits for its answer: the tables. Their functions are in requests.sql, subscription_requests.sql, reads.sql
-- and bridge.sql.

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- What a caller asks to change of a subscription. request: what stripe_request() said first. stripe_subscription_item_id: the item
  -- that a change is about. pending_update: Stripe changes nothing before stripe_invoice_id is paid.
  if to_regclass('payments.subscription_requests') is null then
    create table payments.subscription_requests (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      status text not null default 'initialized' check (status = any ('{initialized,completed,failed}')),
      subject_type text,
      subject_id text,
      created_by text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      stripe_subscription_id text not null,
      action text not null check (action = any ('{cancel,resume,change}')),
      stripe_price_id text,
      quantity bigint,
      stripe_subscription_item_id text,
      idempotency_key text,
      pending_update boolean not null default false,
      stripe_invoice_id text,
      last_error text,
      request jsonb,
      check ((subject_type is null) = (subject_id is null))
    );
    -- A key belongs to its caller.
    create unique index subscription_requests_key_idx on payments.subscription_requests (idempotency_key, created_by, environment)
      nulls not distinct where idempotency_key is not null;
    create index subscription_requests_subject_idx
      on payments.subscription_requests (subject_type, subject_id) where subject_id is not null;
    create index subscription_requests_created_by_idx
      on payments.subscription_requests (created_by, created_at) where created_by is not null;
    create index subscription_requests_subscription_idx on payments.subscription_requests (stripe_subscription_id, created_at);
    create index subscription_requests_waiting_idx
      on payments.subscription_requests (created_at) where status = 'initialized';
  end if;

  -- Rows that wait to be sent. They leave these indexes when they are answered, so that the next one is found at once however many
  -- sessions there are.
  if to_regclass('payments.checkout_sessions_waiting_idx') is null then
    create index checkout_sessions_waiting_idx on payments.checkout_sessions (created_at) where status = 'initialized';
  end if;
  if to_regclass('payments.customer_portal_sessions_waiting_idx') is null then
    create index customer_portal_sessions_waiting_idx on payments.customer_portal_sessions (created_at) where status = 'initialized';
  end if;

  -- Who sends what. A row is made when a request is claimed or put off, and goes when its answer is recorded: a session that nobody
  -- claims costs nothing here. due_at: when it may be claimed (again).
  if to_regclass('payments.request_leases') is null then
    create table payments.request_leases (
      session_id uuid primary key,
      environment text not null check (environment = any ('{test,live}')),
      first_claimed_at timestamptz not null default clock_timestamp(),
      attempt integer not null default 0,
      due_at timestamptz not null,
      last_error text
    );
  end if;

  -- What is fetched from Stripe because a purchase waits for it, and how often that was tried.
  if to_regclass('payments.read_leases') is null then
    create table payments.read_leases (
      environment text not null check (environment = any ('{test,live}')),
      path text not null,
      first_claimed_at timestamptz not null default clock_timestamp(),
      attempt integer not null default 0,
      due_at timestamptz not null,
      primary key (path, environment)
    );
  end if;

  -- How far a backfill got.
  if to_regclass('payments.sync_progress') is null then
    create table payments.sync_progress (
      environment text not null check (environment = any ('{test,live}')),
      resource text not null,
      cursor text,
      objects bigint not null default 0,
      last_error text,
      started_at timestamptz not null default now(),
      finished_at timestamptz,
      updated_at timestamptz not null default now(),
      primary key (resource, environment)
    );
  end if;
end
$install$;

set local search_path = payments, pg_temp;
