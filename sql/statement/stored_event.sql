-- stored_event: locks an event and gives its body. $1 environment text, $2 stripe_event_id text
select pg_catalog.json_build_object('body', coalesce(e.body, e.payload::pg_catalog.text))::pg_catalog.text
  from payments.webhook_events e
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) $2
   for no key update
