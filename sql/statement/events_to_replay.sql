-- events_to_replay: failed and pending events, or the chosen ones, oldest first (JSON strings). $1 environment text, $2 stripe_event_ids text[]
select pg_catalog.to_json(e.stripe_event_id)::pg_catalog.text
  from payments.webhook_events e
 where (e.environment operator(pg_catalog.=) $1) is true
   and case when $2 is null then e.processing_status operator(pg_catalog.=) any (array['failed', 'pending'])
        else e.stripe_event_id operator(pg_catalog.=) any ($2) end
 order by e.received_at, e.stripe_event_id
