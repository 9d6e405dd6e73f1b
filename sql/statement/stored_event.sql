-- stored_event: locks an event and gives its body. $1 environment text, $2 stripe_event_id text
select pg_catalog.json_build_object('body'::text, coalesce(e.body, e.payload::text))::text
  from payments.webhook_events e
 where e.environment is not distinct from $1 and e.stripe_event_id = $2
   for no key update
