-- upsert_entry: stores an event's snapshot of a subscription. Of the backfills of one day, the last one counts.
-- $1 environment text, $2 stripe_subscription_id text, $3 event_id text, $4 created bigint, $5 entry text (JSON), $6 coupons that it
-- only names text[]
insert into payments.subscription_history as h (environment, stripe_subscription_id, event_id, created, entry, coupon_ids)
values ($1, $2, $3, $4, $5::pg_catalog.json, $6)
on conflict (stripe_subscription_id, event_id, environment) do update
   set (created, entry, coupon_ids) = (excluded.created, excluded.entry, excluded.coupon_ids)
 where h.created operator(pg_catalog.<=) excluded.created;

-- told_of_subscription: the history of a subscription, and what was derived from it before (a JSON object; times in Unix
-- seconds). $1 environment text, $2 stripe_subscription_id text
select pg_catalog.json_build_object(
  'entries', coalesce((
    select pg_catalog.json_agg(h.entry) from payments.subscription_history h
     where (h.environment operator(pg_catalog.=) $1) is true and h.stripe_subscription_id operator(pg_catalog.=) $2), '[]'),
  'changes', coalesce((
    select pg_catalog.json_agg(pg_catalog.json_build_object(
             'changed_at', extract(epoch from c.changed_at)::bigint, 'changed', c.changed, 'stripe_event_id', c.stripe_event_id,
             'stripe_customer_id', c.stripe_customer_id, 'status', c.status, 'is_ending', c.is_ending, 'currency', c.currency,
             'items', c.items, 'discounts', c.discounts, 'mrr', c.mrr, 'previous_mrr', c.previous_mrr,
             'is_complete', c.is_complete, 'is_presumed', c.is_presumed) order by c.changed_at)
      from payments.subscription_changes c
     where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_subscription_id operator(pg_catalog.=) $2), '[]'),
  'has_notices', exists (
    select from payments.notices n
     where (n.environment operator(pg_catalog.=) $1) is true and n.about operator(pg_catalog.=) $2))::pg_catalog.text;

-- snapshots_of_coupons: the kept snapshots of coupons, each with its id (JSON arrays). $1 environment text, $2 object ids text[]
select pg_catalog.json_build_array(f.object_id, f.statement)::pg_catalog.text from payments.facts f
 where (f.environment operator(pg_catalog.=) $1) is true and f.object_id operator(pg_catalog.=) any ($2 collate pg_catalog."C");

-- subscriptions_of_coupon: the subscriptions of which something was said that names a coupon (JSON strings).
-- $1 environment text, $2 the coupon text
select pg_catalog.to_json(n.id)::pg_catalog.text
  from (select distinct h.stripe_subscription_id as id from payments.subscription_history h
         where (h.environment operator(pg_catalog.=) $1) is true
           and h.coupon_ids operator(pg_catalog.@>) array[$2 collate pg_catalog."C"]
         order by 1) n;

-- write_changes: replaces the changes of a subscription by this list, where it differs.
-- $1 environment text, $2 stripe_subscription_id text, $3 changes text (JSON; times in Unix seconds)
with listed as materialized (
  select pg_catalog.to_timestamp(r.changed_at) as changed_at, r.changed, r.stripe_event_id, r.stripe_customer_id, r.status, r.is_ending,
         r.currency, r.items, r.discounts, r.mrr, r.previous_mrr, r.is_complete, r.is_presumed
    from pg_catalog.jsonb_to_recordset($3::pg_catalog.jsonb) as r (
      changed_at bigint, changed pg_catalog.text[], stripe_event_id pg_catalog.text, stripe_customer_id pg_catalog.text,
      status pg_catalog.text, is_ending boolean, currency pg_catalog.text, items pg_catalog.jsonb, discounts pg_catalog.jsonb,
      mrr bigint, previous_mrr bigint, is_complete boolean, is_presumed boolean)
), gone as (
  delete from payments.subscription_changes c
   where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_subscription_id operator(pg_catalog.=) $2
     and not exists (select from listed l where l.changed_at operator(pg_catalog.=) c.changed_at)
)
insert into payments.subscription_changes as c
  (environment, stripe_subscription_id, changed_at, changed, stripe_event_id, stripe_customer_id, status, is_ending, currency, items,
   discounts, mrr, previous_mrr, is_complete, is_presumed)
select $1, $2, l.changed_at, l.changed, l.stripe_event_id, l.stripe_customer_id, l.status, l.is_ending, l.currency, l.items,
       l.discounts, l.mrr, l.previous_mrr, l.is_complete, l.is_presumed
  from listed l
on conflict (stripe_subscription_id, changed_at, environment) do update
   set (changed, stripe_event_id, stripe_customer_id, status, is_ending, currency, items, discounts, mrr, previous_mrr, is_complete,
        is_presumed, updated_at)
     = (excluded.changed, excluded.stripe_event_id, excluded.stripe_customer_id, excluded.status, excluded.is_ending, excluded.currency,
        excluded.items, excluded.discounts, excluded.mrr, excluded.previous_mrr, excluded.is_complete, excluded.is_presumed,
        pg_catalog.now())
 where row(c.changed, c.stripe_event_id, c.stripe_customer_id, c.status, c.is_ending, c.currency, c.items, c.discounts, c.mrr,
        c.previous_mrr, c.is_complete, c.is_presumed)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.changed, excluded.stripe_event_id, excluded.stripe_customer_id, excluded.status, excluded.is_ending,
        excluded.currency, excluded.items, excluded.discounts, excluded.mrr, excluded.previous_mrr, excluded.is_complete,
        excluded.is_presumed);
