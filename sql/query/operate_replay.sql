-- events_to_replay: failed and pending events, or the chosen ones, oldest first (JSON strings).
-- $1 environment text, $2 stripe_event_ids text[]
select pg_catalog.to_json(e.stripe_event_id)::pg_catalog.text
  from payments.webhook_events e
 where (e.environment operator(pg_catalog.=) $1) is true
   and case when $2 is null then e.processing_status operator(pg_catalog.=) any (array['failed', 'pending'])
        else e.stripe_event_id operator(pg_catalog.=) any ($2) end
 order by e.received_at, e.stripe_event_id;

-- stored_event: locks an event and gives its body. $1 environment text, $2 stripe_event_id text
select pg_catalog.json_build_object('body', coalesce(e.signed_body, e.payload::pg_catalog.text))::pg_catalog.text
  from payments.webhook_events e
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) $2
   for no key update;

-- prune_events: deletes old events that were processed or ignored. $1 older_than interval
delete from payments.webhook_events e
 where e.received_at operator(pg_catalog.<) (pg_catalog.now() operator(pg_catalog.-) $1)
   and e.processing_status operator(pg_catalog.=) any (array['processed', 'ignored']);

-- is_too_short: whether an interval is less than Stripe's 30 days (a JSON boolean). $1 older_than interval
select pg_catalog.to_json((pg_catalog.now() operator(pg_catalog.-) $1)
     operator(pg_catalog.>) (pg_catalog.now() operator(pg_catalog.-) '30 days'::interval))::pg_catalog.text;
