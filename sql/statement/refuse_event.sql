-- refuse_event: notes that an event's id came again with another body. $1 environment text, $2 stripe_event_id text
update payments.webhook_events e set refused_count = e.refused_count + 1 where e.environment is not distinct from $1 and e.stripe_event_id = $2
