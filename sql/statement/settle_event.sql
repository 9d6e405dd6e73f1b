-- settle_event: the outcome of an event. $1 environment text, $2 stripe_event_id text, $3 processing_status text, $4 last_error text
update payments.webhook_events e
   set updated_at = pg_catalog.now(),
       processing_status = $3,
       last_error = $4,
       attempt_count = e.attempt_count operator(pg_catalog.+) case when e.processing_status operator(pg_catalog.=) 'failed' then 1 else 0 end,
       processed_at = case when $3 operator(pg_catalog.=) 'failed' then null else pg_catalog.now() end
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) $2
