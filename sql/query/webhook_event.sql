-- record_event: writes an event down, once; of two at once, one waits for the other.
-- $1 environment text, $2 stripe_event_id text,
-- $3 event_type text, $4 livemode boolean, $5 stripe_account_id text, $6 object_type text, $7 object_id text,
-- $8 the body as it can be read text, $9 body text, $10 signature text
insert into payments.webhook_events
  (environment, stripe_event_id, event_type, livemode, stripe_account_id, object_type, object_id,
   attempt_count, payload, body, signature)
values ($1, $2, $3, $4, $5, $6, $7, 1, $8::pg_catalog.jsonb, $9, $10)
on conflict (environment, stripe_event_id) do nothing;

-- claim_event: locks an event that was received before, and tells how it stands and whether this is the same. Stripe
-- counts
-- the deliveries that are still pending in the body, so that figure may differ.
-- $1 environment text, $2 stripe_event_id text, $3 the body as it can be read text
select pg_catalog.json_build_object(
         'status', e.processing_status,
         'same_body', e.payload is null
           or (e.payload operator(pg_catalog.-) 'pending_webhooks' operator(pg_catalog.-) 'request')
            operator(pg_catalog.=) ($3::pg_catalog.jsonb operator(pg_catalog.-) 'pending_webhooks' operator(pg_catalog.-) 'request'))::pg_catalog.text
  from payments.webhook_events e
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) $2
   for no key update;

-- refuse_event: notes that an event's id came again with another body. $1 environment text, $2 stripe_event_id text
update payments.webhook_events e set refused_count = e.refused_count operator(pg_catalog.+) 1
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) $2;

-- update_event_outcome: the outcome of an event.
-- $1 environment text, $2 stripe_event_id text, $3 processing_status text, $4 last_error text
update payments.webhook_events e
   set updated_at = pg_catalog.now(),
       processing_status = $3,
       last_error = $4,
       attempt_count = e.attempt_count operator(pg_catalog.+) case when e.processing_status operator(pg_catalog.=) 'failed' then 1 else 0 end,
       processed_at = case when $3 operator(pg_catalog.=) 'failed' then null else pg_catalog.now() end
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) $2;
