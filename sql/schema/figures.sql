set local search_path = pg_catalog, pg_temp;

-- Figures: what each subscription was when, what that brings in a month, and what came in each day. And notices: what workers are
-- told of invoices that are not paid and of subscriptions.

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- What each event, or a day's last look of a backfill, said of a subscription, in short. The changes are derived from it.
  if to_regclass('payments.subscription_history') is null then
    create table payments.subscription_history (
      environment text not null,
      stripe_subscription_id text collate "C" not null,
      event_id text collate "C" not null,
      created bigint not null,
      entry json not null,
      -- The coupons that it names without saying what they take.
      coupon_ids text[] collate "C",
      primary key (stripe_subscription_id, event_id, environment)
    );
    create index subscription_history_coupons_idx on payments.subscription_history using gin (coupon_ids)
     where coupon_ids is not null;
  end if;

  -- changed: start, status, ending, price, quantity, discount. mrr: what it brings in a month from then on, in minor units.
  -- is_complete: whether all is known that it takes to tell. is_presumed: no event told it, but the first snapshot lets it be
  -- presumed. is_ending: told to end with its period.
  if to_regclass('payments.subscription_changes') is null then
    create table payments.subscription_changes (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_subscription_id text not null,
      changed_at timestamptz not null,
      changed text[] not null,
      stripe_event_id text,
      stripe_customer_id text,
      status text not null,
      is_ending boolean not null default false,
      currency text,
      items jsonb not null default '[]',
      discounts jsonb not null default '[]',
      mrr bigint not null,
      previous_mrr bigint not null,
      is_complete boolean not null default true,
      is_presumed boolean not null default false,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_subscription_id, changed_at, environment)
    );
  end if;

  -- about: the invoice, session or subscription. source: which attempt or period of it. happens_at: when the trial or the period
  -- ends, or the subscription ended.
  if to_regclass('payments.notices') is null then
    create table payments.notices (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      kind text collate "C" not null,
      source text collate "C" not null,
      about text collate "C" not null,
      stripe_customer_id text,
      stripe_subscription_id text,
      stripe_invoice_id text,
      stripe_checkout_session_id text,
      amount_due bigint,
      currency text,
      attempt bigint,
      next_attempt_at timestamptz,
      hosted_invoice_url text,
      happens_at timestamptz,
      is_ending boolean not null default false,
      reason text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (about, source, kind, environment)
    );
  end if;
end
$install$;

-- Makes the views where they are missing; see doctor_shape.sql.
create function payments.make_figure_views() returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- Money by the day in UTC on which it moved. A refund counts on its own day. What of a payment went back, and no row of a refund
  -- says, counts when the payment was first refunded. A refund in another currency than its payment's (the payer's own, that he was
  -- shown) counts as its share of what went back in the payment's. A dispute counts when it was lost. What went back of money that
  -- has no payment here counts nothing, as that money counts nothing.
  if to_regclass('payments.revenue_by_day') is null then
    create view payments.revenue_by_day with (security_invoker = true) as
    with payment as (
      select p.id, p.environment, p.currency, coalesce(p.amount, 0) as amount, coalesce(p.amount_refunded, 0) as refunded,
             coalesce(p.paid_at, p.stripe_created_at, p.created_at) as paid_at, p.refunded_at,
             p.stripe_payment_intent_id, p.stripe_checkout_session_id, p.stripe_invoice_id, p.stripe_charge_id
        from payments.payment_history p
       where p.type in ('one_time_payment', 'subscription_invoice') and p.status in ('succeeded', 'partially_refunded', 'refunded')
    ), returned as (
      select r.id, r.environment, r.type, r.currency, coalesce(r.amount, 0) as amount, r.amount_lost,
             coalesce(r.lost_at, r.refunded_at, r.stripe_created_at, r.created_at) as at,
             r.stripe_payment_intent_id, r.stripe_charge_id, r.stripe_invoice_id
        from payments.payment_history r
       where r.type = 'refund' and r.status in ('refunded', 'succeeded')
          or r.type = 'dispute' and (r.status = 'lost' or r.status like 'appeal\_%')
    ), link as (
      -- Each question by itself is one pass through the table.
      select r.id, p.id as payment_id from returned r join payment p
        on p.environment = r.environment and p.stripe_payment_intent_id = r.stripe_payment_intent_id
      union
      select r.id, p.id from returned r join payment p
        on p.environment = r.environment and p.stripe_charge_id = r.stripe_charge_id
      union
      select r.id, p.id from returned r join payment p
        on p.environment = r.environment and p.stripe_invoice_id = r.stripe_invoice_id
    ), of_payment as (
      select r.*, p.id as payment_id, p.currency as payment_currency, p.refunded as payment_refunded,
             sum(r.amount) over so_far as so_far, sum(r.amount) over (partition by p.id, r.type, r.currency = p.currency) as total
        from (select l.id, min(l.payment_id::text)::uuid as payment_id from link l group by l.id) l
        join returned r on r.id = l.id
        join payment p on p.id = l.payment_id
      window so_far as (partition by p.id, r.type, r.currency = p.currency order by r.at, r.id rows unbounded preceding)
    ), movement as (
      select p.environment, p.currency, p.paid_at as at, p.amount as gross, 0::bigint as refunded, 0::bigint as disputed from payment p
      union all
      select r.environment, r.payment_currency, r.at, 0,
             case when r.currency is null or r.payment_currency is null or r.currency = r.payment_currency then r.amount
                  when r.total > 0
                  then (floor(r.payment_refunded * r.so_far / r.total) - floor(r.payment_refunded * (r.so_far - r.amount) / r.total))::bigint
                  else 0 end, 0
        from of_payment r where r.type = 'refund'
      union all
      select p.environment, p.currency, coalesce(p.refunded_at, p.paid_at), 0, p.refunded - coalesce(r.told, 0), 0
        from payment p
        left join (
          select r.payment_id,
                 sum(case when r.currency is null or r.payment_currency is null or r.currency = r.payment_currency then r.amount end) as told,
                 bool_or(r.currency <> r.payment_currency) as is_foreign
            from of_payment r where r.type = 'refund' group by r.payment_id) r on r.payment_id = p.id
       where p.refunded > coalesce(r.told, 0) and r.is_foreign is not true
      union all
      select r.environment, coalesce(r.currency, r.payment_currency), r.at, 0, 0, coalesce(r.amount_lost, r.amount)
        from of_payment r where r.type = 'dispute'
    )
    select m.environment, (m.at at time zone 'UTC')::date as day, m.currency, sum(m.gross)::bigint as gross,
           sum(m.refunded)::bigint as refunded, sum(m.disputed)::bigint as disputed,
           (sum(m.gross) - sum(m.refunded) - sum(m.disputed))::bigint as net
      from movement m
     group by m.environment, (m.at at time zone 'UTC')::date, m.currency
    having sum(m.gross) <> 0 or sum(m.refunded) <> 0 or sum(m.disputed) <> 0;
  end if;

  -- At the end of each month in UTC (of this month: now), and what moved it since the end of the month before, customer by customer:
  -- the movements add up to the difference. A subscription without a customer is one of its own. Each currency counts by itself: a
  -- subscription whose currency changes leaves the one and comes to the other. is_complete: whether all is known that it takes to tell.
  if to_regclass('payments.monthly_recurring_revenue') is null then
    create view payments.monthly_recurring_revenue with (security_invoker = true) as
    with change as (
      select c.environment, c.currency, coalesce(c.stripe_customer_id, c.stripe_subscription_id) as customer,
             date_trunc('month', c.changed_at at time zone 'UTC')::date as month, c.mrr, c.is_complete, c.changed_at,
             lag(c.currency) over of_subscription as currency_before, lag(c.mrr) over of_subscription as mrr_before,
             lead(c.changed_at) over of_subscription as until
        from payments.subscription_changes c
       where c.changed_at <= now() and c.currency is not null
      window of_subscription as (partition by c.environment, c.stripe_subscription_id order by c.changed_at)
    ), difference as (
      select c.environment, c.currency, c.customer, c.month, c.mrr > 0 as pays,
             c.mrr - case when c.currency_before = c.currency then c.mrr_before else 0 end as difference
        from change c
      union all
      select c.environment, c.currency_before, c.customer, c.month, false, - c.mrr_before from change c
       where c.currency_before <> c.currency
    ), of_customer as (
      select d.environment, d.currency, d.customer, d.month, sum(d.difference)::bigint as difference, bool_or(d.pays) as pays
        from difference d
       group by d.environment, d.currency, d.customer, d.month
    ), moved as (
      select o.environment, o.currency, o.customer, o.month, sum(o.difference) over so_far as is,
             sum(o.difference) over so_far - o.difference as was,
             -- Also who came and went within an earlier month.
             coalesce(bool_or(o.pays) over (partition by o.environment, o.currency, o.customer order by o.month
                                            rows between unbounded preceding and 1 preceding), false) as paid_before
        from of_customer o
      window so_far as (partition by o.environment, o.currency, o.customer order by o.month)
    ), of_month as (
      select m.environment, m.currency, m.month,
             coalesce(sum(m.is) filter (where m.was = 0 and m.is > 0 and not m.paid_before), 0) as new,
             coalesce(sum(m.is) filter (where m.was = 0 and m.is > 0 and m.paid_before), 0) as reactivation,
             coalesce(sum(m.is - m.was) filter (where m.was > 0 and m.is > m.was), 0) as expansion,
             coalesce(sum(m.was - m.is) filter (where m.is > 0 and m.is < m.was), 0) as contraction,
             coalesce(sum(m.was) filter (where m.was > 0 and m.is = 0), 0) as churn
        from moved m
       group by m.environment, m.currency, m.month
    ), months as (
      select f.environment, f.currency, s.month::date as month
        from (select o.environment, o.currency, min(o.month) as first from of_month o group by o.environment, o.currency) f
       cross join lateral generate_series(f.first::timestamp, date_trunc('month', now() at time zone 'UTC'), interval '1 month') as s (month)
    )
    select n.environment, n.month, n.currency,
           sum(coalesce(o.new + o.reactivation + o.expansion - o.contraction - o.churn, 0)) over so_far ::bigint as mrr,
           coalesce(o.new, 0)::bigint as new, coalesce(o.reactivation, 0)::bigint as reactivation,
           coalesce(o.expansion, 0)::bigint as expansion, coalesce(o.contraction, 0)::bigint as contraction,
           coalesce(o.churn, 0)::bigint as churn,
           not exists (select from change c
                        where c.environment = n.environment and c.currency = n.currency and not c.is_complete
                          and c.changed_at < (n.month + interval '1 month') at time zone 'UTC'
                          and (c.until is null or c.until >= (n.month + interval '1 month') at time zone 'UTC')) as is_complete
      from months n
      left join of_month o on o.environment = n.environment and o.currency = n.currency and o.month = n.month
    window so_far as (partition by n.environment, n.currency order by n.month);
  end if;
end
$install$;

select payments.make_figure_views();

set local search_path = payments, pg_temp;
