-- find_job: whether there is a job. $1 kind text, $2 source text
select 'true'::text from {target} j where j.{kind} = $1::text and j.{source} = $2::text limit 1
