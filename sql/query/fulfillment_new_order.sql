-- catalog_prices: what the catalog knows of prices, in their order (JSON objects; null where it does not know one).
-- $1 environment text, $2 price ids text[]
select coalesce((
         select pg_catalog.json_build_object(
                  'active', p.active,
                  'recurring', coalesce(p.type operator(pg_catalog.=) 'recurring', p.recurring_interval is not null),
                  'currency', p.currency, 'unit_amount', p.unit_amount,
                  'tiered', coalesce(p.billing_scheme operator(pg_catalog.=) 'tiered', false),
                  'packaged', pg_catalog.jsonb_typeof(p.raw operator(pg_catalog.->) 'transform_quantity') is not null
                              and pg_catalog.jsonb_typeof(p.raw operator(pg_catalog.->) 'transform_quantity') operator(pg_catalog.<>) 'null')
           from payments.prices p
          where (p.environment operator(pg_catalog.=) $1) is true and p.stripe_price_id operator(pg_catalog.=) w.price),
         'null'::pg_catalog.json)::pg_catalog.text
  from pg_catalog.unnest($2) with ordinality as w(price, place)
 order by w.place;

-- insert_order: a pending order; its id as text.
-- $1 status, $2 environment text, $3 user id, $4 subject_type, $5 subject_id text, $6 amount bigint, $7 currency,
-- $8 line items text
insert into {target} (
  {status}
, {environment}
, {user_id}
, {subject_type}
, {subject_id}
, {amount}
, {currency}
, {line_items}
) values (
  $1::{status:type}
, $2::{environment:type}
, $3::{user_id:type}
, $4::{subject_type:type}
, $5::{subject_id:type}
, $6::{amount:type}
, $7::{currency:type}
, $8::{line_items:type}
)
returning {id:text};

-- order_currency: the currency of an order; null if the table has none, or if none of these ids owns it.
-- $1 its key, $2 who may know it: the ids of the session's creator and subject; null where a backend asks text[]
select coalesce(
         {currency:text},
         null::pg_catalog.text)
  from {target}
 cross join lateral (
   select pg_catalog.array_remove(array[
            null::pg_catalog.text
          , {user_id:text}
          , {subject_id:text}
          ], null::pg_catalog.text) as ids) owners
 where {id} operator(pg_catalog.=) $1::{id:type}
   and ($2::pg_catalog.text[] is null or pg_catalog.cardinality(owners.ids) operator(pg_catalog.=) 0
        or owners.ids operator(pg_catalog.&&) $2::pg_catalog.text[]);
