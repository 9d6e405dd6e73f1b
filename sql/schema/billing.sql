set local search_path = pg_catalog, pg_temp;

-- A customer's own billing page: the mirrors of invoices and payment methods, and what members read of them, and of the subscriptions
-- of their subjects.
--
-- The right to bill shows invoices and payment methods: a hosted invoice shows names, addresses and amounts and can be paid, and a
-- card is its payer's. The right to use shows subscriptions: whoever enjoys one may know what it is, and until when it lasts; what
-- it costs, only whoever may bill.
--
-- A view reads as its owner, past the tables' row security, and asks for the caller's subjects once a query. It reads from two
-- relations at least, so that nobody writes through it, whatever is granted on it; and it calls no member of the extension, so
-- that DROP EXTENSION keeps it: see identity.sql. Once live was approved, it shows live alone, as all paywalls do.

-- Until when a subscription of a subject that the caller may use gives access: the rule of all paywalls.
create function payments.caller_access_until_body(environment text, stripe_subscription_id text) returns timestamptz
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select payments.access_until(s.environment, s.stripe_subscription_id)
    from payments.subscriptions s
   where s.stripe_subscription_id = $2 and s.environment = $1 and payments.may_use_subject(s.subject_type, s.subject_id)
$$;

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- Each is its newest snapshot, and its subject that of its payment. A draft that was deleted has no row. raw is for backends that write
  -- it: an invoice with its lines is large, comes with five events or more, and its newest is in webhook_events.
  -- hosted_invoice_url_expires_at follows from Stripe's rule (fold/invoice.rs of the core).
  if to_regclass('payments.invoices') is null then
    create table payments.invoices (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_invoice_id text not null,
      number text,
      status text,
      stripe_customer_id text,
      stripe_subscription_id text,
      subject_type text,
      subject_id text,
      currency text,
      amount_due bigint,
      amount_paid bigint,
      amount_remaining bigint,
      period_start timestamptz,
      period_end timestamptz,
      due_date timestamptz,
      hosted_invoice_url text,
      hosted_invoice_url_expires_at timestamptz,
      invoice_pdf text,
      raw jsonb not null default '{}',
      synced_at timestamptz not null default now(),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_invoice_id, environment)
    );
    create index invoices_subject_idx on payments.invoices (subject_type, subject_id) where subject_id is not null;
  end if;

  -- Of a detached one the customer is whose it was. is_default: its customer, or a subscription of theirs that has not ended, names it.
  if to_regclass('payments.payment_methods') is null then
    create table payments.payment_methods (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_payment_method_id text not null,
      stripe_customer_id text,
      type text,
      brand text,
      last4 text,
      exp_month integer,
      exp_year integer,
      is_default boolean not null default false,
      detached_at timestamptz,
      raw jsonb not null default '{}',
      synced_at timestamptz not null default now(),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_payment_method_id, environment)
    );
    create index payment_methods_customer_idx on payments.payment_methods (stripe_customer_id, environment);
    -- As in tables.sql.
    if exists (select from pg_settings s where s.name = 'default_toast_compression' and 'lz4' = any (s.enumvals)) then
      alter table payments.payment_methods alter column raw set compression lz4;
    end if;
  end if;
end
$install$;

-- Makes the views where they are missing; see doctor_shape.sql.
create function payments.make_billing_views() returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- Drafts are nobody's yet: Stripe's portal shows none either. A URL that has expired is left out.
  if to_regclass('payments.my_invoices') is null then
    create view payments.my_invoices with (security_barrier = true) as
    select i.environment, i.stripe_invoice_id, i.number, i.status, i.subject_type, i.subject_id, i.stripe_subscription_id, i.currency,
           i.amount_due, i.amount_paid, i.amount_remaining, i.period_start, i.period_end, i.due_date,
           case when i.hosted_invoice_url_expires_at > now() then i.hosted_invoice_url end as hosted_invoice_url,
           case when i.hosted_invoice_url_expires_at > now() then i.invoice_pdf end as invoice_pdf, i.hosted_invoice_url_expires_at
      from (select distinct c.subject_type, c.subject_id from payments.caller_subjects() c) mine
      join payments.invoices i on i.subject_type = mine.subject_type and i.subject_id = mine.subject_id
     where i.status <> 'draft'
       and i.environment = (select case when exists (select from payments.environments e
                                                      where e.environment = 'live' and e.went_live_at is not null)
                                        then 'live' else 'test' end);
  end if;

  -- Those that are attached. Whose a method is, the customer's mapping says.
  if to_regclass('payments.my_payment_methods') is null then
    create view payments.my_payment_methods with (security_barrier = true) as
    select p.environment, p.stripe_payment_method_id, m.subject_type, m.subject_id, p.type, p.brand, p.last4, p.exp_month, p.exp_year,
           p.is_default
      from (select distinct c.subject_type, c.subject_id from payments.caller_subjects() c) mine
      join payments.stripe_customer_mappings m on m.subject_type = mine.subject_type and m.subject_id = mine.subject_id
      join payments.payment_methods p on p.stripe_customer_id = m.stripe_customer_id and p.environment = m.environment
     where p.detached_at is null
       and p.environment = (select case when exists (select from payments.environments e
                                                      where e.environment = 'live' and e.went_live_at is not null)
                                        then 'live' else 'test' end);
  end if;

  -- One row for each item of a subscription.
  if to_regclass('payments.my_subscriptions') is null then
    create view payments.my_subscriptions with (security_barrier = true) as
    select s.environment, s.stripe_subscription_id, i.stripe_subscription_item_id, s.subject_type, s.subject_id, s.status,
           d.name as plan_name, coalesce(i.stripe_product_id, p.stripe_product_id) as stripe_product_id, i.stripe_price_id, i.quantity,
           coalesce(i.current_period_start, s.current_period_start) as current_period_start,
           coalesce(i.current_period_end, s.current_period_end) as current_period_end,
           s.cancel_at_period_end, s.cancel_at, s.canceled_at, s.trial_end, s.pause_collection, s.pause_resumes_at,
           payments.caller_access_until(s.environment, s.stripe_subscription_id) as access_until,
           p.recurring_interval, p.recurring_interval_count,
           bills.subject_id is not null as may_bill,
           case when bills.subject_id is not null then p.unit_amount end as unit_amount,
           case when bills.subject_id is not null then p.currency end as currency
      from (select distinct c.subject_type, c.subject_id from payments.caller_usable_subjects() c) mine
      join payments.subscriptions s on s.subject_type = mine.subject_type and s.subject_id = mine.subject_id
      left join (select distinct c.subject_type, c.subject_id from payments.caller_subjects() c) bills
        on bills.subject_type = s.subject_type and bills.subject_id = s.subject_id
      left join payments.subscription_items i
        on i.stripe_subscription_id = s.stripe_subscription_id and i.environment = s.environment
      left join payments.prices p on p.stripe_price_id = i.stripe_price_id and p.environment = i.environment
      left join payments.products d
        on d.stripe_product_id = coalesce(i.stripe_product_id, p.stripe_product_id) and d.environment = i.environment
     where s.environment = (select case when exists (select from payments.environments e
                                                      where e.environment = 'live' and e.went_live_at is not null)
                                        then 'live' else 'test' end);
  end if;
end
$install$;

select payments.make_billing_views();

set local search_path = payments, pg_temp;
