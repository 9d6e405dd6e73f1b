-- move_key: gives a checkout session another form of its idempotency key. $1 id text, $2 key text
update payments.checkout_sessions set idempotency_key = $2 where id = $1::uuid
