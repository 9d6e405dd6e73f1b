-- mark_jobs_dead: gives up on jobs whose last worker never came back. $1 how many attempts there are integer
update {target}
   set {state} = 'dead', {last_error} = coalesce({last_error}, 'the worker never came back')
     , {updated_at} = pg_catalog.now()
 where {state} operator(pg_catalog.=) 'claimed' and {run_at} operator(pg_catalog.<=) pg_catalog.clock_timestamp() and {attempts} operator(pg_catalog.>=) $1::integer;

-- claim_jobs: takes jobs that are due; one that is neither finished nor failed in time is due again.
-- $1 how many integer, $2 the lease in seconds integer
with due as (
  select j.{id} as id, j.{run_at} as run_at from {target} j
   where j.{state} operator(pg_catalog.=) any (array['pending', 'claimed']) and j.{run_at} operator(pg_catalog.<=) pg_catalog.clock_timestamp()
   order by j.{run_at}, j.{source}, j.{kind} operator(pg_catalog.=) 'payment_returned'
   limit $1::integer
     for update skip locked
), claimed as (
  update {target} j
     set {state} = 'claimed', {attempts} = j.{attempts} operator(pg_catalog.+) 1
       , {run_at} = pg_catalog.clock_timestamp() operator(pg_catalog.+) pg_catalog.make_interval(secs => $2::integer)
       , {updated_at} = pg_catalog.now()
    from due
   where j.{id} operator(pg_catalog.=) due.id
  returning j.{id}::pg_catalog.text as id, j.{kind}::pg_catalog.text as kind, j.{source}::pg_catalog.text as source, j.{payload} as payload, j.{attempts} as attempts
          , due.run_at as run_at
)
-- in the order of time: for one payment, payment_succeeded comes first
select coalesce(pg_catalog.json_agg(c order by c.run_at, c.source, c.kind operator(pg_catalog.=) 'payment_returned'), '[]')::pg_catalog.text from claimed c;

-- finish_job: marks a job as done. $1 id text
update {target}
   set {state} = 'done', {last_error} = null
     , {updated_at} = pg_catalog.now()
 where {id} operator(pg_catalog.=) $1::{id:type} and {state} operator(pg_catalog.=) any (array['pending', 'claimed']);

-- fail_job: puts a job off, longer each time; after the last attempt it is dead.
-- $1 id, $2 error text, $3 how many attempts there are integer. Gives the job as claim_jobs does
update {target}
   set {state} = case when {attempts} operator(pg_catalog.>=) $3::integer then 'dead' else 'pending' end, {last_error} = $2::pg_catalog.text
     , {run_at} = pg_catalog.clock_timestamp()
                  operator(pg_catalog.+) least(interval '1 hour', interval '5 seconds' operator(pg_catalog.*) (2::double precision operator(pg_catalog.^) least({attempts}, 20)))
     , {updated_at} = pg_catalog.now()
 where {id} operator(pg_catalog.=) $1::{id:type} and {state} operator(pg_catalog.=) 'claimed'
returning pg_catalog.json_build_object('id', {id}::pg_catalog.text, 'kind', {kind}::pg_catalog.text, 'source', {source}::pg_catalog.text, 'payload', {payload})::pg_catalog.text;

-- delete_job: deletes a job that is out of date. $1 id text
delete from {target} where {id} operator(pg_catalog.=) $1::{id:type};
