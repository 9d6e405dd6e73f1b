-- find_benefits: what lines of prices give, of one kind; a price's own benefit goes before its product's. $1 environment, $2 lines as a JSON array of [price, quantity, product or null], $3 kind text, $4 start bigint (microseconds)
select pg_catalog.json_build_object(
  'via', b.via,
  'credits', b.credits_per_unit * b.quantity,
  'key', b.key,
  'past_due', b.past_due,
  'lasts', b.lasts::text,
  'expires_at', (extract(epoch from timestamp 'epoch' + $4 * interval '1 microsecond' + b.lasts) * 1000000)::bigint)::text
  from (select distinct on (l.price, g.key)
               coalesce(g.stripe_price_id, g.stripe_product_id) as via, g.credits_per_unit, l.quantity, g.key, g.past_due,
               g.duration * l.quantity as lasts
          from (select j.line ->> 0 as price, (j.line ->> 1)::bigint as quantity, j.line ->> 2 as product
                  from pg_catalog.json_array_elements($2::json) as j(line)) l
          left join payments.prices p on p.environment = $1 and p.stripe_price_id = l.price
          join payments.benefits g
            on g.environment = $1
           and coalesce(g.stripe_price_id, g.stripe_product_id) in (l.price, coalesce(l.product, p.stripe_product_id))
           and (g.key is null) = ($3 = 'credit_ledger'::text)
         order by l.price, g.key, g.stripe_price_id is null) b
 order by b.via, b.key
