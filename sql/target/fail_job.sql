-- fail_job: it did not work; later and later again, then dead. $1 id, $2 error text, $3 how many attempts there are integer
update {target}
   set {state} = case when {attempts} operator(pg_catalog.>=) $3::integer then 'dead' else 'pending' end, {last_error} = $2::pg_catalog.text
     , {run_at} = pg_catalog.clock_timestamp()
                  operator(pg_catalog.+) least(interval '1 hour', interval '5 seconds' operator(pg_catalog.*) (2::double precision operator(pg_catalog.^) least({attempts}, 20)))
     , {updated_at} = pg_catalog.now()
 where {id} operator(pg_catalog.=) $1::{id:type} and {state} operator(pg_catalog.=) 'claimed'
