-- note_sync: how the last back-fill went. $1 environment text, $2 its summary text (JSON)
insert into payments.stripe_connections as c (environment, last_synced_at, last_sync_status, last_sync_error, last_sync_counts)
select $1, pg_catalog.now(),
       case when ($2::jsonb ->> 'failed'::text)::integer = 0 then 'succeeded'::text else 'failed'::text end,
       $2::jsonb ->> 'error'::text,
       $2::jsonb
on conflict (environment) do update
   set (last_synced_at, last_sync_status, last_sync_error, last_sync_counts)
     = (excluded.last_synced_at, excluded.last_sync_status, excluded.last_sync_error, excluded.last_sync_counts)
