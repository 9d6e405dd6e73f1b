-- refuse_event: notes that an event's id came again with another body. $1 environment text, $2 stripe_event_id text
update payments.webhook_events e set refused_count = e.refused_count operator(pg_catalog.+) 1
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) $2
