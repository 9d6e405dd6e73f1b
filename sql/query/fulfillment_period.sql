-- find_paid: what decides which credits the invoices of a subscription give to a table, and what they gave before.
-- $1 environment, $2 stripe_subscription_id, $3 target table text
with told as materialized (
  select p.*, p.status operator(pg_catalog.=) any (array['succeeded', 'partially_refunded', 'refunded'])
              and (p.invoice_lines operator(pg_catalog.->) 'unpaid') is null as is_paid
    from payments.payment_history p
   where (p.environment operator(pg_catalog.=) $1) is true and p.stripe_subscription_id operator(pg_catalog.=) $2 and p.invoice_lines is not null
     and p.type operator(pg_catalog.=) 'subscription_invoice' and p.stripe_invoice_id is not null
), paid as (
  select t.* from told t where t.is_paid
)
select pg_catalog.json_build_object(
  'refused', $1 operator(pg_catalog.=) 'test'
             and coalesce((select e.went_live_at is not null from payments.environments e where e.environment operator(pg_catalog.=) 'live'), false),
  'now', (extract(epoch from pg_catalog.now()) operator(pg_catalog.*) 1000000)::bigint,
  -- since when it gives no access: parts that become due later wait until it gives access again. A row that no event wrote knows only
  -- when it was canceled.
  'ended_at', (extract(epoch from least(
      coalesce(s.no_access_since,
               case when s.status operator(pg_catalog.=) any (array['canceled', 'incomplete_expired']) then s.canceled_at end),
      s.cancel_at)) operator(pg_catalog.*) 1000000)::bigint,
  -- whether any recurring price gives credits, so that a line that is not known yet may give some
  'has_benefits', exists (
    select from payments.benefits b
     where (b.environment operator(pg_catalog.=) $1) is true and b.key is null
       and not exists (select from payments.prices c
                        where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_price_id operator(pg_catalog.=) b.stripe_price_id
                          and c.type operator(pg_catalog.=) 'one_time')),
  'trial_end', extract(epoch from s.trial_end)::bigint,
  'invoices', (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'id', p.stripe_invoice_id,
      'money', pg_catalog.json_build_object(
        'status', p.status, 'amount', p.amount, 'amount_refunded', p.amount_refunded, 'amount_lost', p.amount_lost,
        'lost_in_other_currency', p.lost_in_other_currency, 'currency', p.currency, 'dispute_status', p.dispute_status,
        'paid_at', (extract(epoch from paid_at.at) operator(pg_catalog.*) 1000000)::bigint),
      'refunded_at', (extract(epoch from p.refunded_at) operator(pg_catalog.*) 1000000)::bigint,
      'subject_type', case when p.subject_id is null then s.subject_type else p.subject_type end,
      'subject_id', coalesce(p.subject_id, s.subject_id),
      'lines', p.invoice_lines) order by p.stripe_invoice_id), '[]')
    from paid p
   cross join lateral (
     select least(coalesce(p.paid_at, p.stripe_created_at, p.created_at), pg_catalog.timestamptz '9999-12-31 00:00:00+00') as any_at) told
   cross join lateral (
     select case when pg_catalog.isfinite(told.any_at) then told.any_at else pg_catalog.timestamptz 'epoch' end as at) paid_at),
  'unpaid', (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('id', t.stripe_invoice_id, 'lines', t.invoice_lines)
                                                 order by t.stripe_invoice_id), '[]')
    from told t where not t.is_paid),
  'catalog', (select coalesce(pg_catalog.json_object_agg(c.stripe_price_id, pg_catalog.json_build_object(
      'interval', c.recurring_interval, 'interval_count', c.recurring_interval_count, 'unit_amount', c.unit_amount,
      'usage_type', c.raw operator(pg_catalog.->) 'recurring' operator(pg_catalog.->>) 'usage_type')), '{}')
    from payments.prices c
   where (c.environment operator(pg_catalog.=) $1) is true
     and c.stripe_price_id operator(pg_catalog.=) any (array(
           select l.line operator(pg_catalog.->>) 'price'
             from paid p cross join lateral pg_catalog.jsonb_array_elements(p.invoice_lines operator(pg_catalog.->) 'lines') as l (line)))),
  'promises', (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'invoice', m.stripe_invoice_id, 'price', m.stripe_price_id, 'benefit_source', m.benefit_source, 'credits', m.credits,
      'lasts', pg_catalog.encode(pg_catalog.interval_send(m.lasts), 'hex'), 'until_period_end', m.until_period_end,
      'every', pg_catalog.encode(pg_catalog.interval_send(m.every), 'hex'), 'trials', m.trials)), '[]')
    from payments.credit_promises m
   where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_subscription_id operator(pg_catalog.=) $2),
  'holders', (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(
      h.stripe_invoice_id, pg_catalog.json_build_object('subject_type', h.subject_type, 'subject_id', h.subject_id))), '[]')
    from payments.credit_holders h
   where (h.environment operator(pg_catalog.=) $1) is true and h.stripe_subscription_id operator(pg_catalog.=) $2
     and h.target_table operator(pg_catalog.=) $3),
  'known', (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'item', f.item, 'state', f.state, 'reason', f.reason, 'sqlstate', f.sqlstate, 'benefit_source', f.benefit_source,
      'amount_due', f.amount_due, 'granted', f.granted, 'amount_reversed', f.amount_reversed,
      'starts_at', (extract(epoch from f.starts_at) operator(pg_catalog.*) 1000000)::bigint,
      'expires_at', (extract(epoch from f.expires_at) operator(pg_catalog.*) 1000000)::bigint) order by f.item), '[]')
    from payments.fulfillments f
   where (f.environment operator(pg_catalog.=) $1) is true and f.source operator(pg_catalog.=) ('subscription:' operator(pg_catalog.||) $2)
     and f.kind operator(pg_catalog.=) 'credit_ledger' and f.target_table operator(pg_catalog.=) $3),
  'next_at', (select (extract(epoch from n.next_at) operator(pg_catalog.*) 1000000)::bigint
    from payments.credit_schedules n
   where n.stripe_subscription_id operator(pg_catalog.=) $2 and n.target_table operator(pg_catalog.=) $3
     and (n.environment operator(pg_catalog.=) $1) is true)
)::pg_catalog.text
  from (select 1) one
  left join payments.subscriptions s on (s.environment operator(pg_catalog.=) $1) is true and s.stripe_subscription_id operator(pg_catalog.=) $2;

-- find_crediting: those of the subscriptions that have a paid invoice with a credit (JSON arrays).
-- $1 environments, $2 stripe_subscription_ids text[]
select pg_catalog.json_build_array(c.environment, c.id)::pg_catalog.text
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as environment, pg_catalog.unnest($2::pg_catalog.text[]) as id) as c
 where exists (
   select from payments.payment_history p
    cross join lateral pg_catalog.jsonb_array_elements(p.invoice_lines operator(pg_catalog.->) 'lines') as l (line)
    where p.stripe_subscription_id operator(pg_catalog.=) c.id and (p.environment operator(pg_catalog.=) c.environment) is true
      and p.invoice_lines is not null and (p.invoice_lines operator(pg_catalog.->) 'unpaid') is null
      and (l.line operator(pg_catalog.->) 'proration') is not null
      and ((l.line operator(pg_catalog.->) 'credits') is not null or (l.line operator(pg_catalog.->>) 'amount')::bigint operator(pg_catalog.<) 0));

-- insert_promises: saves the promises of lines of invoices that are processed for the first time.
-- $1 environments, $2 stripe_subscription_ids, $3 stripe_invoice_ids, $4 stripe_price_ids, $5 benefit sources text[],
-- $6 credits bigint[]
insert into payments.credit_promises
  (environment, stripe_subscription_id, stripe_invoice_id, stripe_price_id, benefit_source, credits, lasts,
   until_period_end, every, trials)
select r.environment, r.subscription, r.invoice, r.price, r.benefit_source, r.credits, g.duration,
       coalesce(g.until_period_end, false), g.every, coalesce(g.trials, false)
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as environment, pg_catalog.unnest($2::pg_catalog.text[]) as subscription,
               pg_catalog.unnest($3::pg_catalog.text[]) as invoice, pg_catalog.unnest($4::pg_catalog.text[]) as price,
               pg_catalog.unnest($5::pg_catalog.text[]) as benefit_source, pg_catalog.unnest($6::bigint[]) as credits) as r
  left join payments.benefits g
    on (g.environment operator(pg_catalog.=) r.environment) is true and g.key is null
   and coalesce(g.stripe_price_id, g.stripe_product_id) operator(pg_catalog.=) r.benefit_source
on conflict (stripe_subscription_id, stripe_invoice_id, stripe_price_id, environment) do nothing;

-- delete_empty_promises: deletes the promises of nothing of a subscription, so that its lines are decided on as if they were new. $1 environment,
-- $2 stripe_subscription_id text
delete from payments.credit_promises m
 where m.stripe_subscription_id operator(pg_catalog.=) $2 and m.credits is null and (m.environment operator(pg_catalog.=) $1) is true;

-- upsert_holders: saves to whom the credits of invoices were given.
-- $1 environments, $2 stripe_subscription_ids, $3 stripe_invoice_ids, $4 target tables, $5 subject types, $6 subject ids text[]
insert into payments.credit_holders as h
  (environment, stripe_subscription_id, stripe_invoice_id, target_table, subject_type, subject_id)
select r.environment, r.subscription, r.invoice, r.target_table, r.subject_type, r.subject_id
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as environment, pg_catalog.unnest($2::pg_catalog.text[]) as subscription,
               pg_catalog.unnest($3::pg_catalog.text[]) as invoice, pg_catalog.unnest($4::pg_catalog.text[]) as target_table,
               pg_catalog.unnest($5::pg_catalog.text[]) as subject_type, pg_catalog.unnest($6::pg_catalog.text[]) as subject_id) as r
on conflict (stripe_subscription_id, stripe_invoice_id, target_table, environment) do update
   set subject_type = excluded.subject_type, subject_id = excluded.subject_id;

-- delete_holders: deletes the holders of invoices that give nothing any more.
-- $1 environment, $2 stripe_subscription_id, $3 target table text, $4 stripe_invoice_ids text[]
delete from payments.credit_holders h
 where h.stripe_subscription_id operator(pg_catalog.=) $2 and h.target_table operator(pg_catalog.=) $3
   and h.stripe_invoice_id operator(pg_catalog.=) any ($4::pg_catalog.text[]) and (h.environment operator(pg_catalog.=) $1) is true;

-- upsert_schedule: saves when the next part is due, and who gets it.
-- $1 environment, $2 stripe_subscription_id, $3 target table, $4 subject type, $5 subject id text, $6 next_at timestamptz
insert into payments.credit_schedules as n (environment, stripe_subscription_id, target_table, subject_type, subject_id, next_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (stripe_subscription_id, target_table, environment) do update
   set subject_type = excluded.subject_type, subject_id = excluded.subject_id, next_at = excluded.next_at;

-- delete_schedule: no part will be due. $1 environment, $2 stripe_subscription_id, $3 target table text
delete from payments.credit_schedules n
 where n.stripe_subscription_id operator(pg_catalog.=) $2 and n.target_table operator(pg_catalog.=) $3 and (n.environment operator(pg_catalog.=) $1) is true;

-- find_subscriptions_of_price: the subscriptions with a line that waits for this price (JSON strings). $1 environment, $2 price text
select pg_catalog.to_json(pg_catalog.substr(f.source, 14))::pg_catalog.text
  from payments.fulfillments f
 where f.item operator(pg_catalog.=) ('undecided:' operator(pg_catalog.||) $2) and pg_catalog.starts_with(f.item, 'undecided:')
   and pg_catalog.starts_with(f.source, 'subscription:') and (f.environment operator(pg_catalog.=) $1) is true
 group by f.source
 order by f.source;
