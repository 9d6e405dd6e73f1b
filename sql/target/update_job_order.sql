-- update_job_order: says in a job that nobody has begun which order its payment holds now. $1 kind, $2 source, $3 order id or null, text
update {target} j
   set {payload} = pg_catalog.jsonb_set(j.{payload}, array['order_id'], coalesce(pg_catalog.to_jsonb($3::pg_catalog.text), 'null'))
     , {updated_at} = pg_catalog.now()
 where j.{kind} operator(pg_catalog.=) $1::pg_catalog.text and j.{source} operator(pg_catalog.=) $2::pg_catalog.text and j.{state} operator(pg_catalog.=) 'pending' and j.{attempts} operator(pg_catalog.=) 0
