-- signed_body: the bytes of a stored event and the header that signed them.
-- $1 environment text, $2 stripe_event_id text
select pg_catalog.json_build_object('body', coalesce(e.signed_body, e.payload::pg_catalog.text), 'signature', e.signature)::pg_catalog.text
  from payments.webhook_events e
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) $2 and e.signature is not null;
