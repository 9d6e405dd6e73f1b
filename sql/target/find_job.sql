-- find_job: whether there is a job. $1 kind text, $2 source text
select 'true'::pg_catalog.text from {target} j where j.{kind} operator(pg_catalog.=) $1::pg_catalog.text and j.{source} operator(pg_catalog.=) $2::pg_catalog.text limit 1
