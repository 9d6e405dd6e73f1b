-- update_sync_outcome: how the last backfill went. $1 environment text, $2 its summary text (JSON)
insert into payments.stripe_connections as c (environment, last_synced_at, last_sync_status, last_sync_error, last_sync_counts)
select $1, pg_catalog.now(),
       case when ($2::pg_catalog.jsonb operator(pg_catalog.->>) 'failed')::integer operator(pg_catalog.=) 0 then 'succeeded'::pg_catalog.text
            else 'failed'::pg_catalog.text end,
       $2::pg_catalog.jsonb operator(pg_catalog.->>) 'error',
       $2::pg_catalog.jsonb
on conflict (environment) do update
   set (last_synced_at, last_sync_status, last_sync_error, last_sync_counts)
     = (excluded.last_synced_at, excluded.last_sync_status, excluded.last_sync_error, excluded.last_sync_counts);
