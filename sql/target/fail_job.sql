-- fail_job: it did not work; later and later again, then dead. $1 id, $2 error text, $3 how many attempts there are integer
update {target}
   set {state} = case when {attempts} >= $3::integer then 'dead' else 'pending' end, {last_error} = $2::text
     , {run_at} = pg_catalog.clock_timestamp()
                  + least(interval '1 hour', interval '5 seconds' * (2::double precision ^ least({attempts}, 20)))
     , {updated_at} = pg_catalog.now()
 where {id} = ($1::text)::{id:type} and {state} = 'claimed'
