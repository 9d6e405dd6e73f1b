-- claim_event: locks an event that was received before, and tells how it stands and whether this is the same. Stripe counts
-- the deliveries that are still pending in the body, so that figure may differ.
-- $1 environment text, $2 stripe_event_id text, $3 the body as it can be read text
select pg_catalog.json_build_object(
         'status', e.processing_status,
         'same_body', e.payload is null
           or (e.payload operator(pg_catalog.-) 'pending_webhooks' operator(pg_catalog.-) 'request')
            operator(pg_catalog.=) ($3::pg_catalog.jsonb operator(pg_catalog.-) 'pending_webhooks' operator(pg_catalog.-) 'request'))::pg_catalog.text
  from payments.webhook_events e
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) $2
   for no key update
