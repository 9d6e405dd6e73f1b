set local search_path = pg_catalog, pg_temp;

-- Giving what was bought: what a price gives (benefits), which of the app's tables it is written to (attachments), and what
-- became of each of those writes (fulfillments).

-- Whose subscriptions count where a table or a question names no environment: live's, once it was approved, else test's.
create function payments.effective_environment() returns text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select case when exists (select from payments.environments e where e.environment = 'live' and e.went_live_at is not null)
              then 'live' else 'test' end
$$;

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- What a price buys can change without touching what was bought before: what a payment gave is recorded as its fulfillment.
  if to_regclass('payments.benefits') is null then
    create table payments.benefits (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_price_id text,
      stripe_product_id text,
      credits_per_unit bigint check (credits_per_unit > 0),
      key text check (key <> ''),
      duration interval check (duration > interval '0'),
      past_due boolean not null default false,
      paused boolean not null default true,
      until_period_end boolean not null default false,
      every interval check (every > interval '0'),
      trials boolean not null default false,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      check (num_nonnulls(stripe_price_id, stripe_product_id) = 1),
      check (num_nonnulls(credits_per_unit, key) = 1)
    );
    create unique index benefits_given_by_idx on payments.benefits
      ((coalesce(stripe_price_id, stripe_product_id)), (coalesce(key, '')), environment);
    create index benefits_by_product_idx on payments.benefits (environment) where stripe_product_id is not null;
  end if;

  -- relation is the table's name when it was attached: the ledger keeps it, whatever the table is called later. numbered: its
  -- last line tells a balance. superuser_owner: somebody said that a superuser may own it. target is a regclass in a schema of its own,
  -- as subject_types.members is (subjects.sql).
  if to_regclass('payments_registry.attachments') is null then
    create table payments_registry.attachments (
      kind text not null
        check (kind = any ('{orders,credit_ledger,user_entitlements,billing_status,fulfillment_jobs}')),
      relation text not null,
      target regclass not null,
      columns jsonb not null,
      subject_type text,
      numbered boolean not null default false,
      superuser_owner boolean not null default false,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      primary key (kind, relation)
    );
    create unique index attachments_target_idx on payments_registry.attachments (kind, target);
  end if;

  -- What a price gave when a line of a paid invoice was first looked at: it stays so, whatever becomes of the benefit. Without
  -- credits it gave none.
  if to_regclass('payments.credit_promises') is null then
    create table payments.credit_promises (
      environment text not null check (environment = any ('{test,live}')),
      stripe_subscription_id text collate "C" not null,
      stripe_invoice_id text collate "C" not null,
      stripe_price_id text collate "C" not null,
      benefit_source text,
      credits bigint,
      lasts interval,
      until_period_end boolean not null default false,
      every interval,
      trials boolean not null default false,
      created_at timestamptz not null default now(),
      primary key (stripe_subscription_id, stripe_invoice_id, stripe_price_id, environment)
    );
  end if;

  -- To whom a table's credits of an invoice were given.
  if to_regclass('payments.credit_holders') is null then
    create table payments.credit_holders (
      environment text not null check (environment = any ('{test,live}')),
      stripe_subscription_id text collate "C" not null,
      stripe_invoice_id text collate "C" not null,
      target_table text collate "C" not null,
      subject_type text not null,
      subject_id text not null,
      primary key (stripe_subscription_id, stripe_invoice_id, target_table, environment)
    );
  end if;

  -- Grants that lapse. source: the ledger's. amount: what stands of it. lapsed: how many of them lapsed, by the ledger; null
  -- until somebody looks, which is first at lapsed_at. settled: nothing but a change of the grant can change that any more.
  if to_regclass('payments.credit_lots') is null then
    create table payments.credit_lots (
      environment text not null check (environment = any ('{test,live}')),
      source text collate "C" not null,
      target_table text collate "C" not null,
      subject_type text not null,
      subject_id text not null,
      amount bigint not null,
      starts_at timestamptz not null,
      expires_at timestamptz not null,
      lapsed bigint,
      lapsed_at timestamptz,
      settled boolean not null default false,
      primary key (source, target_table, environment)
    );
    create index credit_lots_subject_idx on payments.credit_lots (subject_id, subject_type);
    create index credit_lots_due_idx on payments.credit_lots (expires_at) where lapsed is null;
  end if;

  -- When the next part of what a subscription gives is due, and to whom.
  if to_regclass('payments.credit_schedules') is null then
    create table payments.credit_schedules (
      environment text not null check (environment = any ('{test,live}')),
      stripe_subscription_id text collate "C" not null,
      target_table text collate "C" not null,
      subject_type text not null,
      subject_id text not null,
      next_at timestamptz not null,
      primary key (stripe_subscription_id, target_table, environment)
    );
    create index credit_schedules_subject_idx on payments.credit_schedules (subject_id, subject_type);
    create index credit_schedules_next_idx on payments.credit_schedules (next_at);
  end if;

  -- One row for each thing that a payment or subscription gives, should give or can't give. source: 'checkout:<local
  -- session>', 'subscription:<Stripe's id>', 'credit_note:<Stripe's id>' or 'fraud_warning:<Stripe's id>'.
  -- amount_due, granted, amount_reversed: credits, or the order's amount, or what a person is asked about. matches:
  -- the payment could pay the order. duration: for how long from the time it was paid, as it was promised. holder: whose key it is,
  -- where it was bought for a time and stands: what one holder buys of a key adds up. paid_at: when that was paid.
  -- prior_order_status: what the order was before its money went back. item: the order, the benefit, the key, the job, or
  -- 'undecided:<price>' of a line whose product is not known yet.
  if to_regclass('payments.fulfillments') is null then
    create table payments.fulfillments (
      id uuid not null default gen_random_uuid(),
      environment text not null,
      source text collate "C" not null,
      kind text collate "C" not null,
      target_table text collate "C" not null,
      item text collate "C" not null,
      state text not null,
      reason text,
      sqlstate text,
      attempts integer not null default 0,
      benefit_source text,
      amount_due bigint,
      granted bigint,
      amount_reversed bigint,
      currency text,
      duration interval,
      holder text collate "C",
      paid_at timestamptz,
      starts_at timestamptz,
      expires_at timestamptz,
      matches boolean not null default false,
      prior_order_status text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      primary key (source, kind, target_table, item, environment),
      -- The server reads each constraint and each index's condition anew for every statement: so they are few, and short.
      constraint fulfillments_words check (
        environment = any ('{test,live}') and state = any ('{applied,reversed,needs_review,failed,skipped}'))
    );
    create index fulfillments_item_idx on payments.fulfillments (item, target_table)
      where kind = 'orders' or starts_with(item, 'undecided:');
    create index fulfillments_holder_idx on payments.fulfillments (holder, item, target_table) where holder is not null;
    create index fulfillments_open_idx on payments.fulfillments (environment, state) where state in ('needs_review', 'failed');
  end if;
end
$install$;

-- Makes the view where it is missing; see doctor_shape.sql.
create function payments.make_attachments_view() returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- target is null where the table is gone.
  if to_regclass('payments.attachments') is null then
    create view payments.attachments with (security_invoker = true) as
    select a.kind, a.relation,
           (select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = a.target) as target,
           a.columns, a.subject_type, a.numbered, a.superuser_owner, a.created_at, a.updated_at
      from payments_registry.attachments a;
  end if;
end
$install$;

select payments.make_attachments_view();

set local search_path = payments, pg_temp;
