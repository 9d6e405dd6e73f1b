-- mark_jobs_dead: gives up on jobs whose last worker never came back. $1 how many attempts there are integer
update {target}
   set {state} = 'dead', {last_error} = coalesce({last_error}, 'the worker never came back')
     , {updated_at} = pg_catalog.now()
 where {state} operator(pg_catalog.=) 'claimed' and {run_at} operator(pg_catalog.<=) pg_catalog.clock_timestamp() and {attempts} operator(pg_catalog.>=) $1::integer
