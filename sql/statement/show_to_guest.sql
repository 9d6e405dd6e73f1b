-- show_to_guest: writes a guest's session again, so that he who repeats the whole request sees it, while nothing but that request is known of it. $1 id text, $2 key text
update payments.checkout_sessions
   set idempotency_key = $2
 where id = $1::pg_catalog.uuid and status = 'initialized' and stripe_checkout_session_id is null and url is null and last_error is null
