-- delete_unstarted_job: takes back a job that no worker has begun. $1 kind text, $2 source text
delete from {target} j
 where j.{kind} operator(pg_catalog.=) $1::pg_catalog.text and j.{source} operator(pg_catalog.=) $2::pg_catalog.text and j.{state} operator(pg_catalog.=) 'pending' and j.{attempts} operator(pg_catalog.=) 0
