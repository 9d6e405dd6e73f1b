-- lock_key: makes all who present one idempotency key take turns. The two numbers are a name space of our own. $1 environment text, $2 key text
select pg_catalog.pg_advisory_xact_lock(1886943604, pg_catalog.hashtext($1 || ' '::text || $2))
