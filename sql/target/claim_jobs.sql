-- claim_jobs: takes jobs that are due; one that is neither finished nor failed in time is due again. $1 how many integer, $2 the lease in seconds integer
with due as (
  select j.{id} from {target} j
   where j.{state} in ('pending', 'claimed') and j.{run_at} <= pg_catalog.clock_timestamp()
   order by j.{run_at}, j.{source}
   limit $1::integer
     for update skip locked
), claimed as (
  update {target} j
     set {state} = 'claimed', {attempts} = j.{attempts} + 1
       , {run_at} = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $2::integer)
    from due
   where j.{id} = due.{id}
  returning j.{id}::text as id, j.{kind}::text as kind, j.{source}::text as source, j.{payload} as payload, j.{attempts} as attempts
)
select coalesce(pg_catalog.json_agg(c order by c.source, c.kind), '[]')::text from claimed c
