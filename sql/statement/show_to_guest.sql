-- show_to_guest: shows a guest's session to him who repeats the whole request, while nothing but that request is known of it. $1 id text, $2 key text, $3 digest of the request text
update payments.checkout_sessions as s
   set idempotency_key = $2,
       guest_transaction = pg_catalog.pg_current_xact_id()::pg_catalog.text::pg_catalog.int8
 where s.id operator(pg_catalog.=) $1::pg_catalog.uuid and s.status operator(pg_catalog.=) 'initialized' and s.payment_status is null
   and s.stripe_checkout_session_id is null
   and s.stripe_customer_id is null and s.url is null and s.last_error is null and s.raw operator(pg_catalog.=) '{}'
   and payments.request_digest(pg_catalog.to_jsonb(s.*)::pg_catalog.text) operator(pg_catalog.=) $3
