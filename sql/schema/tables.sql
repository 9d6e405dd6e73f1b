set local search_path = pg_catalog, pg_temp;

-- The tables. Public names and columns; see docs/reference.md. They are made only where they are missing and then
-- detached from the extension: pg_dump keeps an app's triggers, indexes, policies and publications only on tables that no
-- extension owns, and DROP EXTENSION must never delete a record of money. While a dump is being restored
-- (its scripts set row_security = off) nothing is made, because the dump brings it all.
--
-- No index begins with the environment: while a table is small, a plan would rather read all of such an index than look
-- for one key, and a kept plan would go on so (src/pg/plan_cache.rs).

do $install$
declare
  wide record;
  others text;
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- Tables of another backend may have these names; they lack what ours have.
  if to_regclass('payments.facts') is null then
    select string_agg(c.oid::regclass::text, ', ' order by c.relname) into others
      from pg_class c where c.relnamespace = 'payments'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f');
    if others is not null then
      raise exception 'schema payments holds tables of another backend'
        using errcode = 'object_not_in_prerequisite_state', detail = format('They are: %s.', others),
              hint = 'ALTER SCHEMA payments RENAME TO payments_before, install again, then copy their rows: see docs/operations.md.';
    end if;
  end if;

  if to_regclass('payments.environments') is null then
    create table payments.environments (
      environment text primary key check (environment = any ('{test,live}')),
      live_approved_by text,
      live_approved_at timestamptz,
      went_live_at timestamptz,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
    insert into payments.environments (environment) values ('test'), ('live');
  end if;

  if to_regclass('payments.stripe_connections') is null then
    create table payments.stripe_connections (
      id uuid primary key default gen_random_uuid(),
      environment text not null unique check (environment = any ('{test,live}')),
      stripe_account_id text,
      stripe_account_email text,
      account_livemode boolean,
      status text not null default 'unconfigured' check (status = any ('{unconfigured,connected,error}')),
      webhook_endpoint_id text,
      webhook_endpoint_url text,
      webhook_configured_at timestamptz,
      webhook_api_version text,
      -- the newest event that was read from Stripe's list of events, and when that was read last
      events_cursor text,
      events_read_at timestamptz,
      last_synced_at timestamptz,
      last_sync_status text check (last_sync_status = any ('{succeeded,failed}')),
      last_sync_error text,
      last_sync_counts jsonb not null default '{}',
      -- events of the other environment that were posted here: they are stored nowhere
      wrong_livemode_count bigint not null default 0,
      wrong_livemode_at timestamptz,
      raw jsonb not null default '{}',
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
  end if;

  if to_regclass('payments.products') is null then
    create table payments.products (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_product_id text not null,
      name text not null,
      description text,
      active boolean not null default true,
      default_price_id text,
      metadata jsonb not null default '{}',
      raw jsonb not null default '{}',
      synced_at timestamptz not null default now(),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_product_id, environment)
    );
  end if;

  if to_regclass('payments.prices') is null then
    create table payments.prices (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_price_id text not null,
      stripe_product_id text,
      active boolean not null default true,
      currency text,
      unit_amount bigint,
      unit_amount_decimal text,
      type text,
      lookup_key text,
      billing_scheme text,
      tax_behavior text,
      recurring_interval text,
      recurring_interval_count integer,
      metadata jsonb not null default '{}',
      raw jsonb not null default '{}',
      synced_at timestamptz not null default now(),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_price_id, environment)
    );
    create index prices_product_idx on payments.prices (stripe_product_id, environment);
    create index prices_lookup_key_idx on payments.prices (lookup_key, environment) where lookup_key is not null;
  end if;

  if to_regclass('payments.customers') is null then
    create table payments.customers (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_customer_id text not null,
      email text,
      name text,
      phone text,
      deleted boolean not null default false,
      metadata jsonb not null default '{}',
      raw jsonb not null default '{}',
      stripe_created_at timestamptz,
      synced_at timestamptz not null default now(),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_customer_id, environment)
    );
  end if;

  -- A row without evidence is an admin's own word; one with evidence was derived from a completed session.
  if to_regclass('payments.stripe_customer_mappings') is null then
    create table payments.stripe_customer_mappings (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      subject_type text not null,
      subject_id text not null,
      stripe_customer_id text not null,
      evidence_created bigint,
      evidence_event_id text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (subject_type, subject_id, environment),
      unique (stripe_customer_id, environment)
    );
  end if;

  -- What completed sessions say of subject and customer; the mappings follow from these (payment/mapping.rs of the core decides).
  if to_regclass('payments.mapping_claims') is null then
    create table payments.mapping_claims (
      environment text not null check (environment = any ('{test,live}')),
      stripe_checkout_session_id text not null,
      subject_type text not null,
      subject_id text not null,
      stripe_customer_id text not null,
      evidence_created bigint not null,
      evidence_event_id text not null,
      primary key (stripe_checkout_session_id, environment)
    );
    create index mapping_claims_subject_idx on payments.mapping_claims (subject_id, subject_type, environment);
    create index mapping_claims_customer_idx on payments.mapping_claims (stripe_customer_id, environment);
  end if;

  -- request: what stripe_request() said first, and says from then on. Here, and of portal sessions.
  -- client_secret: with it the buyer's browser shows the page of an open session that has no url.
  -- claimed_by_session: the Stripe session that has this row only because it names it; where several do, the best of them has it
  -- (payment/session_owner.rs of the core decides). One that record_stripe_response() or a backend's own UPDATE recorded has it for good.
  -- recovered_from: the one that was recorded, while a session that Stripe recovered from it has the row.
  -- guest_transaction: the transaction that a guest's row is shown to. request_digest: what was asked for under an idempotency
  -- key, in short, whatever becomes of the row. Both are the guard's.
  -- What its policies look at stands first: a scan takes each row apart up to the last column that it needs.
  if to_regclass('payments.checkout_sessions') is null then
    create table payments.checkout_sessions (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      mode text not null check (mode = any ('{payment,subscription}')),
      status text not null default 'initialized'
        check (status = any ('{initialized,open,completed,expired,failed}')),
      payment_status text check (payment_status = any ('{paid,unpaid,no_payment_required}')),
      subject_type text,
      subject_id text,
      created_by text,
      guest boolean not null default false,
      guest_transaction bigint,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      customer_email text,
      line_items jsonb not null check (jsonb_typeof(line_items) = 'array'),
      success_url text not null,
      cancel_url text not null,
      idempotency_key text,
      metadata jsonb not null default '{}',
      stripe_checkout_session_id text,
      stripe_customer_id text,
      stripe_payment_intent_id text,
      stripe_subscription_id text,
      claimed_by_session text,
      recovered_from text,
      url text,
      client_secret text,
      last_error text,
      raw jsonb not null default '{}',
      request jsonb,
      request_digest text,
      check ((subject_type is null) = (subject_id is null)),
      unique (stripe_checkout_session_id, environment)
    );
    create unique index checkout_sessions_idempotency_key_idx
      on payments.checkout_sessions (idempotency_key, environment) where idempotency_key is not null;
    create index checkout_sessions_payment_intent_idx
      on payments.checkout_sessions (stripe_payment_intent_id, environment) where stripe_payment_intent_id is not null;
    create index checkout_sessions_subscription_idx
      on payments.checkout_sessions (stripe_subscription_id, environment) where stripe_subscription_id is not null;
    -- A price that becomes known decides what was bought by it; sessions that were not completed bought nothing.
    create index checkout_sessions_line_items_idx
      on payments.checkout_sessions using gin (line_items jsonb_path_ops) where status = 'completed';
    -- The sessions of an order, for explain().
    create index checkout_sessions_order_idx
      on payments.checkout_sessions using hash ((metadata ->> 'order_id')) where metadata ->> 'order_id' is not null;
    create index checkout_sessions_subject_idx
      on payments.checkout_sessions (subject_type, subject_id) where subject_id is not null;
    create index checkout_sessions_created_by_idx
      on payments.checkout_sessions (created_by, created_at) where created_by is not null;
    create index checkout_sessions_by_backend_idx
      on payments.checkout_sessions (subject_type, subject_id) where subject_id is not null and created_by is null;
  end if;

  -- Which session Stripe made another of, when its payer came back to an expired one.
  if to_regclass('payments.recovered_sessions') is null then
    create table payments.recovered_sessions (
      environment text not null check (environment = any ('{test,live}')),
      stripe_checkout_session_id text not null,
      recovered_from text not null,
      primary key (stripe_checkout_session_id, environment)
    );
    create index recovered_sessions_recovered_from_idx on payments.recovered_sessions (recovered_from, environment);
  end if;

  if to_regclass('payments.customer_portal_sessions') is null then
    create table payments.customer_portal_sessions (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      status text not null default 'initialized' check (status = any ('{initialized,created,failed}')),
      subject_type text not null,
      subject_id text not null,
      stripe_customer_id text,
      return_url text,
      configuration_id text,
      url text,
      last_error text,
      raw jsonb not null default '{}',
      created_by text,
      request jsonb,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
    create index customer_portal_sessions_subject_idx on payments.customer_portal_sessions (subject_type, subject_id);
    create index customer_portal_sessions_created_by_idx
      on payments.customer_portal_sessions (created_by, created_at) where created_by is not null;
  end if;

  -- dispute_status says on a payment's row what has become of a dispute about it; a dispute's own row carries its id.
  -- subtotal: what the items of the checkout session cost before discounts and tax, where all of its total was charged.
  -- shortfall: how much less was received than the checkout session asked for, in the currency of the payment intent.
  -- invoice_lines: of a subscription's invoice once it is finalized the lines of its items, in short: what credits are counted from.
  -- amount_lost: what lost disputes took, in the payment's currency; lost_in_other_currency: whether one took something in another.
  -- lost_at: of a dispute's own row, when it was lost.
  -- by_backend: another backend wrote the row; what it says stands when a refund or dispute of Stripe's names it.
  if to_regclass('payments.payment_history') is null then
    create table payments.payment_history (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      type text not null
        check (type = any ('{one_time_payment,subscription_invoice,refund,failed_payment,dispute}')),
      status text not null,
      subject_type text,
      subject_id text,
      stripe_customer_id text,
      customer_email_snapshot text,
      stripe_checkout_session_id text,
      stripe_payment_intent_id text,
      stripe_invoice_id text,
      stripe_charge_id text,
      stripe_refund_id text,
      stripe_dispute_id text,
      stripe_subscription_id text,
      stripe_product_id text,
      stripe_price_id text,
      amount bigint,
      amount_refunded bigint,
      subtotal bigint,
      shortfall bigint,
      amount_lost bigint,
      lost_in_other_currency boolean not null default false,
      lost_at timestamptz,
      by_backend boolean not null default true,
      line_items jsonb,
      currency text,
      description text,
      dispute_status text,
      paid_at timestamptz,
      failed_at timestamptz,
      refunded_at timestamptz,
      stripe_created_at timestamptz,
      invoice_lines jsonb,
      raw jsonb not null default '{}',
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    ) with (fillfactor = 85);
    create unique index payment_history_payment_intent_idx
      on payments.payment_history (stripe_payment_intent_id, environment)
      where stripe_payment_intent_id is not null and type <> 'refund';
    create unique index payment_history_checkout_session_idx
      on payments.payment_history (stripe_checkout_session_id, environment)
      where stripe_checkout_session_id is not null and type <> 'refund';
    create unique index payment_history_invoice_idx
      on payments.payment_history (stripe_invoice_id, environment)
      where stripe_invoice_id is not null and type <> 'refund';
    create unique index payment_history_refund_idx
      on payments.payment_history (stripe_refund_id, environment) where stripe_refund_id is not null;
    create unique index payment_history_dispute_idx
      on payments.payment_history (stripe_dispute_id, environment) where stripe_dispute_id is not null;
    -- What went back of a subscription's money.
    create index payment_history_returned_idx on payments.payment_history (stripe_subscription_id)
      where type = 'subscription_invoice' and (amount_refunded > 0 or dispute_status is not null);
    create index payment_history_subscription_idx
      on payments.payment_history (stripe_subscription_id, environment) where invoice_lines is not null;
    -- A payment that has nothing but its charge is found by that, and so is one that another backend wrote.
    create index payment_history_charge_idx
      on payments.payment_history (stripe_charge_id, environment)
      where (by_backend or (stripe_payment_intent_id is null and stripe_checkout_session_id is null and stripe_invoice_id is null))
        and type <> 'refund' and type <> 'dispute';
  end if;

  -- no_access_since: since when its status gives no access any more, by all events of it.
  if to_regclass('payments.subscriptions') is null then
    create table payments.subscriptions (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_subscription_id text not null,
      stripe_customer_id text,
      subject_type text,
      subject_id text,
      status text not null,
      current_period_start timestamptz,
      current_period_end timestamptz,
      cancel_at_period_end boolean not null default false,
      cancel_at timestamptz,
      canceled_at timestamptz,
      no_access_since timestamptz,
      pause_collection text,
      pause_resumes_at timestamptz,
      trial_start timestamptz,
      trial_end timestamptz,
      latest_invoice_id text,
      metadata jsonb not null default '{}',
      raw jsonb not null default '{}',
      synced_at timestamptz not null default now(),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_subscription_id, environment)
    );
    create index subscriptions_customer_idx on payments.subscriptions (stripe_customer_id, environment);
    create index subscriptions_subject_idx
      on payments.subscriptions (subject_type, subject_id) where subject_id is not null;
  end if;

  if to_regclass('payments.subscription_items') is null then
    create table payments.subscription_items (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_subscription_item_id text not null,
      stripe_subscription_id text not null,
      stripe_product_id text,
      stripe_price_id text,
      quantity bigint,
      current_period_start timestamptz,
      current_period_end timestamptz,
      metadata jsonb not null default '{}',
      raw jsonb not null default '{}',
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_subscription_item_id, environment)
    );
    create index subscription_items_subscription_idx
      on payments.subscription_items (stripe_subscription_id, environment);
  end if;

  -- The features that Stripe's own Entitlements say a customer has now.
  if to_regclass('payments.active_entitlements') is null then
    create table payments.active_entitlements (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_customer_id text not null,
      lookup_key text not null,
      stripe_entitlement_id text not null,
      stripe_feature_id text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_customer_id, lookup_key, environment)
    );
  end if;

  -- payload: the body, byte for byte as it was signed, and signature the header that signed it, so that a stored event can be
  -- verified again. A body that jsonb would refuse (it holds a NUL, say) is in signed_body; payload then holds id, type, created
  -- and the reason, so that no reader's query fails on it. conflict: a mapping that this event asked for and another, earlier
  -- evidence refused.
  if to_regclass('payments.webhook_events') is null then
    create table payments.webhook_events (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_event_id text not null,
      event_type text not null,
      livemode boolean,
      stripe_account_id text,
      object_type text,
      object_id text,
      processing_status text not null default 'pending'
        check (processing_status = any ('{pending,processed,failed,ignored}')),
      attempt_count integer not null default 0,
      last_error text,
      conflict text,
      refused_count integer not null default 0,
      payload json,
      signed_body text,
      signature text,
      received_at timestamptz not null default now(),
      processed_at timestamptz,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_event_id, environment)
    );
    -- A body of 2 kB or more is compressed and stays in the row; out of line it would be rows and index entries of its own. The
    -- same for the columns beside it, which the server would else move out of a large row before it compresses the body.
    execute (select 'alter table payments.webhook_events ' || string_agg(format('alter column %I set storage main', a.attname), ', ')
               from pg_attribute a where a.attrelid = 'payments.webhook_events'::regclass and a.attnum > 0 and a.attstorage = 'x');
    -- Of payments the facts name the events, unless these changed nothing; of what is mirrored only the newest snapshots are kept
    -- as facts.
    create index webhook_events_object_idx on payments.webhook_events (object_id, environment)
      where object_type in ('customer', 'subscription', 'payment_method', 'product', 'price')
         or processing_status in ('failed', 'ignored') or conflict is not null or refused_count > 0;
    create index webhook_events_received_idx on payments.webhook_events using brin (received_at);
    -- Those that somebody must look after are few.
    create index webhook_events_open_idx on payments.webhook_events (received_at) where processing_status = any ('{failed,pending}');
  end if;

  -- Nobody writes these two but the projection, whose environment is a type; a CHECK is parsed anew for every row.
  --
  -- What each event or sync said of each Stripe object. Of a payment's objects every statement is kept (they are small);
  -- of a mirrored object (customer, subscription, payment method, product, price) only those that may still decide which is the newest.
  if to_regclass('payments.facts') is null then
    create table payments.facts (
      environment text not null,
      object_id text collate "C" not null,
      event_id text collate "C" not null,
      object_type text not null,
      group_id text collate "C",
      stripe_customer_id text collate "C",
      stripe_subscription_id text collate "C",
      keys text[] collate "C" not null default '{}',
      statement json not null,
      primary key (object_id, event_id, environment)
    );
    create index facts_group_id_idx on payments.facts (group_id, environment) where group_id is not null;
    create index facts_customer_idx
      on payments.facts (stripe_customer_id, environment) where stripe_customer_id is not null;
    create index facts_subscription_idx
      on payments.facts (stripe_subscription_id, environment) where stripe_subscription_id is not null;
  end if;

  -- Every Stripe id that a fact has named, and the group of facts (its group_id) that it belongs to: facts that share an id
  -- speak of one payment.
  if to_regclass('payments.fact_links') is null then
    create table payments.fact_links (
      environment text not null,
      key text collate "C" not null,
      group_id text collate "C" not null,
      primary key (key, environment)
    );
  end if;

  -- lz4 takes half the time of pglz, and not every server was built with it.
  for wide in select c.oid::regclass as name, a.attname as attribute
      from (values
           ('products', 'raw'), ('prices', 'raw'), ('customers', 'raw'), ('subscriptions', 'raw'), ('subscription_items', 'raw'),
           ('webhook_events', 'payload'), ('webhook_events', 'signed_body'), ('facts', 'statement')) as w (relation, attribute)
      join pg_catalog.pg_class c on c.relnamespace = 'payments'::regnamespace and c.relname = w.relation
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = w.attribute and a.attcompression = ''
      join pg_catalog.pg_settings s on s.name = 'default_toast_compression' and 'lz4' = any (s.enumvals)
  loop
    execute format('alter table %s alter column %I set compression lz4', wide.name, wide.attribute);
  end loop;
end
$install$;

set local search_path = payments, pg_temp;
