-- find_benefits: what lines of prices give, a row for each benefit and one for a line without. $1 environment, $2 lines as a JSON array of [price, quantity, product or null] text, $3 start bigint (microseconds)
select pg_catalog.json_build_object(
  'price', l.price,
  'quantity', l.quantity,
  'via', coalesce(g.stripe_price_id, g.stripe_product_id),
  'by_product', g.stripe_product_id is not null,
  'since', (extract(epoch from g.created_at) * 1000000)::bigint,
  'credits', g.credits_per_unit,
  'key', g.key,
  'past_due', g.past_due,
  'fits', t.fits,
  'lasts', (case when t.fits then g.duration * l.quantity end)::text,
  'expires_at', case when t.fits then
     (extract(epoch from timestamp 'epoch' + $3 * interval '1 microsecond' + g.duration * l.quantity) * 1000000)::bigint end,
  'unknown', l.product is null)::text
  from (select j.line ->> 0 as price, (j.line ->> 1)::bigint as quantity, coalesce(j.line ->> 2, p.stripe_product_id) as product
          from pg_catalog.json_array_elements($2::json) as j(line)
          left join lateral (
            select o.stripe_product_id from payments.prices o
             where o.stripe_price_id = j.line ->> 0 and o.environment is not distinct from $1 offset 0) as p on true) l
  left join payments.benefits g
    on g.environment is not distinct from $1 and coalesce(g.stripe_price_id, g.stripe_product_id) in (l.price, l.product)
 -- what ends after the last timestamp, or is more than Stripe sells at once, is for a person
 cross join lateral (
   select l.quantity <= 1000000 and extract(epoch from g.duration) * l.quantity < 8000000000000 as fits) t
