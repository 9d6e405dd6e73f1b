-- events_to_replay: failed and pending events, or the chosen ones, oldest first (JSON strings). $1 environment text, $2 stripe_event_ids text[]
select pg_catalog.to_json(e.stripe_event_id)::text
  from payments.webhook_events e
 where e.environment is not distinct from $1
   and case when $2 is null then e.processing_status in ('failed'::text, 'pending'::text) else e.stripe_event_id = any ($2) end
 order by e.received_at, e.stripe_event_id
