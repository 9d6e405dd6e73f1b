-- retell_job: says in a job that nobody has begun which order its payment holds now. $1 kind, $2 source, $3 order id or null, text
update {target} j
   set {payload} = pg_catalog.jsonb_set(j.{payload}, array['order_id'], coalesce(pg_catalog.to_jsonb($3::text), 'null'))
     , {updated_at} = pg_catalog.now()
 where j.{kind} = $1::text and j.{source} = $2::text and j.{state} = 'pending' and j.{attempts} = 0
