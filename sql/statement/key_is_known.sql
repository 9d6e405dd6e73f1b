-- key_is_known: whether a row holds an idempotency key, plain or set aside (a JSON boolean). $1 environment text, $2 key text, $3 key set aside text
select pg_catalog.to_json(
         exists (select from payments.checkout_sessions s where (s.environment operator(pg_catalog.=) $1) is true and s.idempotency_key operator(pg_catalog.=) $2)
         or exists (select from payments.checkout_sessions s
          where (s.environment operator(pg_catalog.=) $1) is true and s.idempotency_key operator(pg_catalog.=) $3))::pg_catalog.text
