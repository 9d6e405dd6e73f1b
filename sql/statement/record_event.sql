-- record_event: writes an event down, once; of two at once, one waits for the other. $1 environment text, $2 stripe_event_id text,
-- $3 event_type text, $4 livemode boolean, $5 stripe_account_id text, $6 object_type text, $7 object_id text,
-- $8 the body as it can be read text, $9 body text, $10 signature text
insert into payments.webhook_events
  (environment, stripe_event_id, event_type, livemode, stripe_account_id, object_type, object_id,
   attempt_count, payload, body, signature)
values ($1, $2, $3, $4, $5, $6, $7, 1, $8::pg_catalog.jsonb, $9, $10)
on conflict (environment, stripe_event_id) do nothing
