-- find_benefits: what lines of prices give, a row for each benefit and one for a line without; a price's own benefit goes before its product's. $1 environment, $2 lines as a JSON array of [price, quantity, product or null] text, $3 start bigint (microseconds)
select pg_catalog.json_build_object(
  'price', b.price,
  'quantity', b.quantity,
  'via', b.via,
  'by_product', b.by_product,
  'since', b.since,
  'credits', b.credits_per_unit,
  'key', b.key,
  'past_due', b.past_due,
  'fits', b.fits,
  'lasts', (case when b.fits then b.duration * b.quantity end)::text,
  'expires_at', case when b.fits then
     (extract(epoch from timestamp 'epoch' + $3 * interval '1 microsecond' + b.duration * b.quantity) * 1000000)::bigint end,
  'unknown', b.product is null)::text
  from (select distinct on (l.price, g.key)
               l.price, l.quantity, l.product, coalesce(g.stripe_price_id, g.stripe_product_id) as via,
               g.stripe_product_id is not null as by_product, g.credits_per_unit, g.key, g.past_due, g.duration,
               (extract(epoch from g.created_at) * 1000000)::bigint as since,
               -- what ends after the last timestamp, or is more than Stripe sells at once, is for a person
               l.quantity <= 1000000 and extract(epoch from g.duration) * l.quantity < 8000000000000 as fits
          from (select j.line ->> 0 as price, (j.line ->> 1)::bigint as quantity,
                       coalesce(j.line ->> 2, p.stripe_product_id) as product
                  from pg_catalog.json_array_elements($2::json) as j(line)
                  left join payments.prices p on p.stripe_price_id = j.line ->> 0 and p.environment = $1) l
          left join payments.benefits g
            on g.environment = $1 and coalesce(g.stripe_price_id, g.stripe_product_id) in (l.price, l.product)
         order by l.price, g.key, g.stripe_price_id is null) b
 order by b.via, b.key
