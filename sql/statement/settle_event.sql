-- settle_event: the outcome of an event. $1 environment text, $2 stripe_event_id text, $3 processing_status text, $4 last_error text
update payments.webhook_events e
   set updated_at = pg_catalog.now(),
       processing_status = $3,
       last_error = $4,
       attempt_count = e.attempt_count + case when e.processing_status = 'failed'::text then 1 else 0 end,
       processed_at = case when $3 = 'failed'::text then null else pg_catalog.now() end
 where e.environment is not distinct from $1 and e.stripe_event_id = $2
