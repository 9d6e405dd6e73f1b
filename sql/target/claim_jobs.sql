-- claim_jobs: takes jobs that are due; one that is neither finished nor failed in time is due again. $1 how many integer, $2 the lease in seconds integer
with due as (
  select j.{id} as id, j.{run_at} as run_at from {target} j
   where j.{state} in ('pending', 'claimed') and j.{run_at} <= pg_catalog.clock_timestamp()
   order by j.{run_at}, j.{source}, j.{kind} = 'payment_returned'
   limit $1::integer
     for update skip locked
), claimed as (
  update {target} j
     set {state} = 'claimed', {attempts} = j.{attempts} + 1
       , {run_at} = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $2::integer)
       , {updated_at} = pg_catalog.now()
    from due
   where j.{id} = due.id
  returning j.{id}::text as id, j.{kind}::text as kind, j.{source}::text as source, j.{payload} as payload, j.{attempts} as attempts
          , due.run_at as run_at
)
-- in the order in which they happened: of one payment first that it was paid
select coalesce(pg_catalog.json_agg(c order by c.run_at, c.source, c.kind = 'payment_returned'), '[]')::text from claimed c
