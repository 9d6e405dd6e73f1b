-- notify_jobs: wakes the workers when the transaction commits. $1 kind of job text
select pg_catalog.to_json(true)::text from (select pg_catalog.pg_notify('payments_jobs'::text, $1)) n
