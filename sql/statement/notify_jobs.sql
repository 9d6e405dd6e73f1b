-- notify_jobs: wakes the workers when the transaction commits. $1 kind of job text
select pg_catalog.to_json(true)::pg_catalog.text from (select pg_catalog.pg_notify('payments_jobs'::pg_catalog.text, $1)) n
