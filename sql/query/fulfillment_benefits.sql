-- find_benefits: what a line gives, a row for each benefit, or one without.
-- $1 environment, $2 price text, $3 quantity bigint, $4 its product where that is known text
select pg_catalog.json_build_object(
  'price', $2::pg_catalog.text,
  'quantity', $3::bigint,
  'source', coalesce(g.stripe_price_id, g.stripe_product_id),
  'by_product', g.stripe_product_id is not null,
  'since', (extract(epoch from g.created_at) operator(pg_catalog.*) 1000000)::bigint,
  'credits', g.credits_per_unit,
  'key', g.key,
  'past_due', g.past_due,
  'paused', g.paused,
  'lasts', case when g.key is null then pg_catalog.encode(pg_catalog.interval_send(g.duration), 'hex') end,
  'until_period_end', coalesce(g.until_period_end, false),
  'every', pg_catalog.encode(pg_catalog.interval_send(g.every), 'hex'),
  'trials', coalesce(g.trials, false),
  'in_range', t.in_range,
  'duration', (case when t.in_range then g.duration operator(pg_catalog.*) t.times end)::pg_catalog.text,
  'unknown', l.product is null,
  'catalog', case when o.id is not null then pg_catalog.json_build_object(
    'type', o.type, 'currency', o.currency,
    'unit_amount', case when o.billing_scheme operator(pg_catalog.=) 'tiered' then null else o.unit_amount end) end)::pg_catalog.text
  from (select 1) one
  left join payments.prices o
    on (o.environment operator(pg_catalog.=) $1) is true and o.stripe_price_id operator(pg_catalog.=) $2::pg_catalog.text
 cross join lateral (select coalesce($4::pg_catalog.text, o.stripe_product_id) as product) l
  left join payments.benefits g
    on (g.environment operator(pg_catalog.=) $1) is true
        and coalesce(g.stripe_price_id, g.stripe_product_id) operator(pg_catalog.=) any (array[$2::pg_catalog.text, l.product])
 -- a duration that no timestamp can hold, and more than Stripe sells at once, need a person; the credits of several units do not last
 -- longer than those of one
 cross join lateral (select case when g.key is null then 1 else $3::bigint end as times) n
 cross join lateral (
   select n.times, n.times operator(pg_catalog.<=) 1000000
       and (extract(epoch from g.duration) operator(pg_catalog.*) n.times) operator(pg_catalog.<) 8000000000000 as in_range) t;

-- products_give: whether any product gives credits, and whether any gives keys. $1 environment text
select pg_catalog.json_build_object(
  'credits', exists (select from payments.benefits b where (b.environment operator(pg_catalog.=) $1) is true and b.stripe_product_id is not null and b.key is null),
  'keys', exists (select from payments.benefits b
   where (b.environment operator(pg_catalog.=) $1) is true and b.stripe_product_id is not null and b.key is not null))::pg_catalog.text;
