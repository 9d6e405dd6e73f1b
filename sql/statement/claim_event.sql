-- claim_event: locks an event that was received before, and tells how it stands and whether this is the same. Stripe counts
-- the deliveries that are still pending in the body, so that figure may differ.
-- $1 environment text, $2 stripe_event_id text, $3 the body as it can be read text
select pg_catalog.json_build_object(
         'status'::text, e.processing_status,
         'same_body'::text, e.payload is null
           or e.payload - 'pending_webhooks'::text - 'request'::text
            = $3::jsonb - 'pending_webhooks'::text - 'request'::text)::text
  from payments.webhook_events e
 where e.environment is not distinct from $1 and e.stripe_event_id = $2
   for no key update
