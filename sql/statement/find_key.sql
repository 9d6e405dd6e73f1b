-- find_key: the row that holds an idempotency key, and the caller's own that has it set aside. $1 environment text, $2 key text, $3 key set aside text, $4 created_by text, $5 guest boolean, $6 digest of the request text, $7 id of the row to insert text
-- Two look-ups, not one with ANY: that one reads all the keys of an environment where the planner believes there are few.
with found as (
  select s.* from payments.checkout_sessions s where s.environment is not distinct from $1 and s.idempotency_key = $2
  union all
  select s.* from payments.checkout_sessions s where s.environment is not distinct from $1 and s.idempotency_key = $3
)
select pg_catalog.json_build_object(
         'id', f.id,
         'plain', f.idempotency_key = $2,
         'mine', f.guest = $5 and f.created_by is not distinct from $4,
         'created_by', f.created_by,
         'guest', f.guest,
         -- Nothing is known of it but what is asked for now.
         'untouched', f.status = 'initialized' and f.payment_status is null and f.stripe_checkout_session_id is null
                      and f.stripe_customer_id is null and f.url is null and f.last_error is null and f.raw = '{}'
                      and payments.request_digest(pg_catalog.to_jsonb(f.*)::pg_catalog.text) = $6,
         -- As policy guest_select asks it.
         'shown', f.updated_at = pg_catalog.now()
                  and f.guest_transaction is not distinct from pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text::pg_catalog.int8,
         'id_taken', exists (select from payments.checkout_sessions t where t.id = nullif($7, '')::pg_catalog.uuid))::pg_catalog.text
  from found f
