-- signed_body: the bytes of a stored event and the header that signed them. $1 environment text, $2 stripe_event_id text
select pg_catalog.json_build_object('body'::text, e.body, 'signature'::text, e.signature)::text
  from payments.webhook_events e
 where e.environment is not distinct from $1 and e.stripe_event_id = $2 and e.signature is not null
