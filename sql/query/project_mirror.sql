-- upsert_snapshot: one snapshot of a mirrored object.
-- $1 environment text, $2 object_id text, $3 event_id text, $4 object_type text, $5 statement text (JSON)
insert into payments.facts (environment, object_id, event_id, object_type, statement)
values ($1, $2, $3, $4, $5::pg_catalog.json)
on conflict (environment, object_id, event_id) do update set statement = excluded.statement;

-- delete_snapshots: snapshots that can no longer decide which is the newest.
-- $1 environment text, $2 object_id text, $3 event ids that stay text[]
delete from payments.facts f where (f.environment operator(pg_catalog.=) $1) is true and f.object_id operator(pg_catalog.=) $2
    and f.event_id operator(pg_catalog.<>) all ($3 collate pg_catalog."C");

-- write_customer: a customer's mirror, where it differs.
-- $1 environment text, $2 row text (JSON; times in Unix seconds), $3 the object text (JSON)
insert into payments.customers as m
  (environment, stripe_customer_id, email, name, phone, deleted, metadata, stripe_created_at, raw)
select $1, r.stripe_customer_id, r.email, r.name, r.phone, r.deleted, r.metadata,
       pg_catalog.to_timestamp(r.stripe_created_at), $3::pg_catalog.jsonb
  from pg_catalog.jsonb_to_record($2::pg_catalog.jsonb) as r (stripe_customer_id pg_catalog.text, email pg_catalog.text, name pg_catalog.text,
       phone pg_catalog.text, deleted boolean, metadata pg_catalog.jsonb, stripe_created_at
       bigint)
on conflict (environment, stripe_customer_id) do update
   set (email, name, phone, deleted, metadata, stripe_created_at, raw, synced_at, updated_at)
     = (excluded.email, excluded.name, excluded.phone, excluded.deleted, excluded.metadata, excluded.stripe_created_at, excluded.raw,
        excluded.synced_at, pg_catalog.now())
 where row(m.email, m.name, m.phone, m.deleted, m.metadata, m.stripe_created_at, m.raw)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.email, excluded.name, excluded.phone, excluded.deleted, excluded.metadata, excluded.stripe_created_at, excluded.raw);

-- write_product: a product's mirror, where it differs.
-- $1 environment text, $2 row text (JSON; times in Unix seconds), $3 the object text (JSON)
insert into payments.products as m
  (environment, stripe_product_id, name, description, active, default_price_id, metadata, raw)
select $1, r.stripe_product_id, r.name, r.description, r.active, r.default_price_id, r.metadata, $3::pg_catalog.jsonb
  from pg_catalog.jsonb_to_record($2::pg_catalog.jsonb) as r (stripe_product_id pg_catalog.text, name pg_catalog.text, description pg_catalog.text,
       active boolean, default_price_id pg_catalog.text, metadata pg_catalog.jsonb)
on conflict (environment, stripe_product_id) do update
   set (name, description, active, default_price_id, metadata, raw, synced_at, updated_at)
     = (excluded.name, excluded.description, excluded.active, excluded.default_price_id, excluded.metadata, excluded.raw, excluded.synced_at, pg_catalog.now())
 where row(m.name, m.description, m.active, m.default_price_id, m.metadata, m.raw)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.name, excluded.description, excluded.active, excluded.default_price_id, excluded.metadata, excluded.raw);

-- write_price: a price's mirror, where it differs.
-- $1 environment text, $2 row text (JSON; times in Unix seconds), $3 the object text (JSON)
insert into payments.prices as m
  (environment, stripe_price_id, stripe_product_id, active, currency, unit_amount, unit_amount_decimal, type, lookup_key,
   billing_scheme, tax_behavior, recurring_interval, recurring_interval_count, metadata, raw)
select $1, r.stripe_price_id, r.stripe_product_id, r.active, r.currency, r.unit_amount, r.unit_amount_decimal, r.type,
       r.lookup_key, r.billing_scheme, r.tax_behavior, r.recurring_interval, r.recurring_interval_count, r.metadata, $3::pg_catalog.jsonb
  from pg_catalog.jsonb_to_record($2::pg_catalog.jsonb) as r (stripe_price_id pg_catalog.text, stripe_product_id pg_catalog.text, active boolean,
       currency pg_catalog.text, unit_amount bigint,
       unit_amount_decimal pg_catalog.text, type pg_catalog.text, lookup_key pg_catalog.text, billing_scheme pg_catalog.text, tax_behavior pg_catalog.text,
       recurring_interval pg_catalog.text, recurring_interval_count integer, metadata pg_catalog.jsonb)
on conflict (environment, stripe_price_id) do update
   set (stripe_product_id, active, currency, unit_amount, unit_amount_decimal, type, lookup_key, billing_scheme,
        tax_behavior, recurring_interval, recurring_interval_count, metadata, raw, synced_at, updated_at)
     = (excluded.stripe_product_id, excluded.active, excluded.currency, excluded.unit_amount,
        excluded.unit_amount_decimal, excluded.type, excluded.lookup_key, excluded.billing_scheme,
        excluded.tax_behavior, excluded.recurring_interval, excluded.recurring_interval_count, excluded.metadata, excluded.raw, excluded.synced_at, pg_catalog.now())
 where row(m.stripe_product_id, m.active, m.currency, m.unit_amount, m.unit_amount_decimal, m.type, m.lookup_key,
        m.billing_scheme, m.tax_behavior, m.recurring_interval, m.recurring_interval_count, m.metadata, m.raw)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.stripe_product_id, excluded.active, excluded.currency, excluded.unit_amount,
        excluded.unit_amount_decimal, excluded.type, excluded.lookup_key, excluded.billing_scheme,
        excluded.tax_behavior, excluded.recurring_interval, excluded.recurring_interval_count, excluded.metadata, excluded.raw);

-- write_subscription: writes a subscription's mirror and its items, where they differ. If its metadata names no subject, the customer's
-- mapping does. One statement, so that triggers see both. The subscription is also written where only its items differ, because
-- its trigger gives for both.
-- $1 environment text, $2 row text (JSON; times in Unix seconds), $3 the object text (JSON), $4 subject_type text, $5
-- subject_id text, $6 no_access_since timestamptz, $7 items text (JSON)
with listed as materialized (
  select r.* from pg_catalog.jsonb_to_recordset($7::pg_catalog.jsonb) as r (
    stripe_subscription_item_id pg_catalog.text, stripe_subscription_id pg_catalog.text, stripe_product_id pg_catalog.text, stripe_price_id pg_catalog.text,
    quantity bigint, current_period_start bigint, current_period_end bigint, metadata pg_catalog.jsonb, raw pg_catalog.jsonb)
), gone as (
  delete from payments.subscription_items i
   where (i.environment operator(pg_catalog.=) $1) is true
     and i.stripe_subscription_id operator(pg_catalog.=) ($2::pg_catalog.jsonb operator(pg_catalog.->>) 'stripe_subscription_id')
     and not exists (select from listed l where l.stripe_subscription_item_id operator(pg_catalog.=) i.stripe_subscription_item_id)
  returning i.id
), items as (
  insert into payments.subscription_items as i
    (environment, stripe_subscription_item_id, stripe_subscription_id, stripe_product_id, stripe_price_id, quantity,
     current_period_start, current_period_end, metadata, raw)
  select $1, l.stripe_subscription_item_id, l.stripe_subscription_id, l.stripe_product_id, l.stripe_price_id, l.quantity,
         pg_catalog.to_timestamp(l.current_period_start), pg_catalog.to_timestamp(l.current_period_end), l.metadata, l.raw
    from listed l
  on conflict (environment, stripe_subscription_item_id) do update
     set (stripe_subscription_id, stripe_product_id, stripe_price_id, quantity, current_period_start, current_period_end, metadata, raw, updated_at)
       = (excluded.stripe_subscription_id, excluded.stripe_product_id, excluded.stripe_price_id, excluded.quantity,
          excluded.current_period_start, excluded.current_period_end, excluded.metadata, excluded.raw, pg_catalog.now())
   where row(i.stripe_subscription_id, i.stripe_product_id, i.stripe_price_id, i.quantity, i.current_period_start,
          i.current_period_end, i.metadata, i.raw)::pg_catalog.record
         operator(pg_catalog.*<>)
         row(excluded.stripe_subscription_id, excluded.stripe_product_id, excluded.stripe_price_id, excluded.quantity,
          excluded.current_period_start, excluded.current_period_end, excluded.metadata, excluded.raw)
  returning i.id
)
insert into payments.subscriptions as m
  (environment, stripe_subscription_id, stripe_customer_id, subject_type, subject_id, status, current_period_start,
   current_period_end, cancel_at_period_end, cancel_at, canceled_at, no_access_since, pause_collection, pause_resumes_at,
   trial_start, trial_end, latest_invoice_id, metadata, raw)
select $1, r.stripe_subscription_id, r.stripe_customer_id,
       coalesce($4, c.subject_type), coalesce($5, c.subject_id),
       r.status, pg_catalog.to_timestamp(r.current_period_start), pg_catalog.to_timestamp(r.current_period_end),
       r.cancel_at_period_end, pg_catalog.to_timestamp(r.cancel_at), pg_catalog.to_timestamp(r.canceled_at), $6, r.pause_collection,
       pg_catalog.to_timestamp(r.pause_resumes_at),
       pg_catalog.to_timestamp(r.trial_start), pg_catalog.to_timestamp(r.trial_end), r.latest_invoice_id, r.metadata, $3::pg_catalog.jsonb
  from pg_catalog.jsonb_to_record($2::pg_catalog.jsonb) as r (
         stripe_subscription_id pg_catalog.text, stripe_customer_id pg_catalog.text, status pg_catalog.text, current_period_start bigint,
         current_period_end bigint, cancel_at_period_end boolean, cancel_at bigint, canceled_at bigint,
         pause_collection pg_catalog.text, pause_resumes_at bigint, trial_start bigint,
         trial_end bigint, latest_invoice_id pg_catalog.text, metadata pg_catalog.jsonb)
  left join lateral (
    select o.subject_type, o.subject_id
      from payments.stripe_customer_mappings o
     where (o.environment operator(pg_catalog.=) $1) is true and o.stripe_customer_id operator(pg_catalog.=) r.stripe_customer_id offset 0
  ) as c on true
on conflict (environment, stripe_subscription_id) do update
   set (stripe_customer_id, subject_type, subject_id, status, current_period_start, current_period_end,
        cancel_at_period_end, cancel_at, canceled_at, no_access_since, pause_collection, pause_resumes_at, trial_start, trial_end,
        latest_invoice_id, metadata, raw, synced_at, updated_at)
     = (excluded.stripe_customer_id, excluded.subject_type, excluded.subject_id, excluded.status,
        excluded.current_period_start, excluded.current_period_end, excluded.cancel_at_period_end, excluded.cancel_at,
        excluded.canceled_at, excluded.no_access_since, excluded.pause_collection, excluded.pause_resumes_at, excluded.trial_start,
        excluded.trial_end, excluded.latest_invoice_id, excluded.metadata,
        excluded.raw, excluded.synced_at, pg_catalog.now())
 where row(m.stripe_customer_id, m.subject_type, m.subject_id, m.status, m.current_period_start, m.current_period_end,
        m.cancel_at_period_end, m.cancel_at, m.canceled_at, m.no_access_since, m.pause_collection, m.pause_resumes_at, m.trial_start,
        m.trial_end, m.latest_invoice_id, m.metadata, m.raw)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.stripe_customer_id, excluded.subject_type, excluded.subject_id, excluded.status,
        excluded.current_period_start, excluded.current_period_end, excluded.cancel_at_period_end, excluded.cancel_at,
        excluded.canceled_at, excluded.no_access_since, excluded.pause_collection, excluded.pause_resumes_at, excluded.trial_start,
        excluded.trial_end, excluded.latest_invoice_id, excluded.metadata,
        excluded.raw)
    or exists (select from items) or exists (select from gone);

-- write_payment_method: a payment method's mirror, where it differs. It is a default while it is attached and its customer or a
-- subscription of theirs that has not ended names it (default_method in mirror.rs of the core).
-- $1 environment text, $2 row text (JSON; times in Unix seconds), $3 the object text (JSON)
insert into payments.payment_methods as m
  (environment, stripe_payment_method_id, stripe_customer_id, type, brand, last4, exp_month, exp_year, is_default, detached_at, raw)
select $1, r.stripe_payment_method_id, r.stripe_customer_id, r.type, r.brand, r.last4, r.exp_month, r.exp_year,
       r.detached_at is null and exists (
         select from (
           select c.raw from payments.customers c
            where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_customer_id operator(pg_catalog.=) r.stripe_customer_id
              and not c.deleted
           union all
           select s.raw from payments.subscriptions s
            where (s.environment operator(pg_catalog.=) $1) is true and s.stripe_customer_id operator(pg_catalog.=) r.stripe_customer_id
              and s.status operator(pg_catalog.<>) all (array['canceled', 'incomplete_expired'])) as o
          where coalesce(o.raw operator(pg_catalog.#>>) array['invoice_settings', 'default_payment_method', 'id'],
                         o.raw operator(pg_catalog.#>>) array['invoice_settings', 'default_payment_method'],
                         o.raw operator(pg_catalog.#>>) array['default_payment_method', 'id'],
                         o.raw operator(pg_catalog.#>>) array['default_payment_method'],
                         o.raw operator(pg_catalog.#>>) array['default_source', 'id'],
                         o.raw operator(pg_catalog.#>>) array['default_source'])
                operator(pg_catalog.=) r.stripe_payment_method_id),
       pg_catalog.to_timestamp(r.detached_at), $3::pg_catalog.jsonb
  from pg_catalog.jsonb_to_record($2::pg_catalog.jsonb) as r (stripe_payment_method_id pg_catalog.text,
       stripe_customer_id pg_catalog.text, type pg_catalog.text, brand pg_catalog.text, last4 pg_catalog.text, exp_month integer,
       exp_year integer, detached_at bigint)
on conflict (environment, stripe_payment_method_id) do update
   set (stripe_customer_id, type, brand, last4, exp_month, exp_year, is_default, detached_at, raw, synced_at, updated_at)
     = (excluded.stripe_customer_id, excluded.type, excluded.brand, excluded.last4, excluded.exp_month, excluded.exp_year,
        excluded.is_default, excluded.detached_at, excluded.raw, excluded.synced_at, pg_catalog.now())
 where row(m.stripe_customer_id, m.type, m.brand, m.last4, m.exp_month, m.exp_year, m.is_default, m.detached_at,
        m.raw)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.stripe_customer_id, excluded.type, excluded.brand, excluded.last4, excluded.exp_month, excluded.exp_year,
        excluded.is_default, excluded.detached_at, excluded.raw);

-- mark_defaults: which of a customer's payment methods are defaults now, by the same rule.
-- $1 environment text, $2 stripe_customer_id text
with named as materialized (
  select coalesce(o.raw operator(pg_catalog.#>>) array['invoice_settings', 'default_payment_method', 'id'],
                  o.raw operator(pg_catalog.#>>) array['invoice_settings', 'default_payment_method'],
                  o.raw operator(pg_catalog.#>>) array['default_payment_method', 'id'],
                  o.raw operator(pg_catalog.#>>) array['default_payment_method'],
                  o.raw operator(pg_catalog.#>>) array['default_source', 'id'],
                  o.raw operator(pg_catalog.#>>) array['default_source']) as method
    from (
      select c.raw from payments.customers c
       where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_customer_id operator(pg_catalog.=) $2 and not c.deleted
      union all
      select s.raw from payments.subscriptions s
       where (s.environment operator(pg_catalog.=) $1) is true and s.stripe_customer_id operator(pg_catalog.=) $2
         and s.status operator(pg_catalog.<>) all (array['canceled', 'incomplete_expired'])) as o
)
update payments.payment_methods m
   set is_default = not m.is_default, updated_at = pg_catalog.now()
 where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_customer_id operator(pg_catalog.=) $2
   and m.is_default operator(pg_catalog.<>)
       (m.detached_at is null
        and exists (select from named n where n.method operator(pg_catalog.=) m.stripe_payment_method_id));

-- write_entitlements: a customer's active entitlements become this list.
-- $1 environment text, $2 stripe_customer_id text, $3 entitlements text (JSON)
with listed as materialized (
  select distinct on (r.lookup_key) r.* from pg_catalog.jsonb_to_recordset($3::pg_catalog.jsonb) as r (
    stripe_entitlement_id pg_catalog.text, stripe_feature_id pg_catalog.text, lookup_key pg_catalog.text)
   order by r.lookup_key, r.stripe_entitlement_id
), gone as (
  delete from payments.active_entitlements e
   where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_customer_id operator(pg_catalog.=) $2
     and not exists (select from listed l where l.lookup_key operator(pg_catalog.=) e.lookup_key)
)
insert into payments.active_entitlements as e
  (environment, stripe_customer_id, lookup_key, stripe_entitlement_id, stripe_feature_id)
select $1, $2, l.lookup_key, l.stripe_entitlement_id, l.stripe_feature_id from listed l
on conflict (environment, stripe_customer_id, lookup_key) do update
   set (stripe_entitlement_id, stripe_feature_id) = (excluded.stripe_entitlement_id, excluded.stripe_feature_id)
 where row(e.stripe_entitlement_id, e.stripe_feature_id)::pg_catalog.record
       operator(pg_catalog.*<>) row(excluded.stripe_entitlement_id, excluded.stripe_feature_id);

-- facts_of_object: the kept snapshots of a mirrored object. $1 environment text, $2 object_id text
select f.statement::pg_catalog.text from payments.facts f where (f.environment operator(pg_catalog.=) $1) is true and f.object_id operator(pg_catalog.=) $2;
