set local search_path = pg_catalog, pg_temp;

-- Jobs for workers.

create type payments.job as (id text, kind text, source text, payload jsonb, attempts integer);

/* Takes up to n jobs that are due, for this worker alone; each must be finished or failed within 5 minutes, or it comes
   again. Workers LISTEN payments_jobs and claim when told. Raises 22023 (n is from 1 to 1000), 55000 where no table of jobs is
   attached. */
create function payments.claim_jobs(n integer default 1) returns setof payments.job
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.claim_jobs_body(n integer) returns setof payments.job
  language sql set search_path = pg_catalog, pg_temp
as $$
  select payments.check_count($1);
  select * from jsonb_populate_recordset(null::payments.job, payments.take_jobs($1))
$$;

/* The same for a table whose key is a uuid. */
create function payments.finish_job(id uuid) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.finish_job_body(id uuid) returns boolean
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.finish_job($1::text) $$;

create function payments.fail_job(id uuid, error text) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.fail_job_body(id uuid, error text) returns boolean
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.fail_job($1::text, $2) $$;

set local search_path = payments, pg_temp;
