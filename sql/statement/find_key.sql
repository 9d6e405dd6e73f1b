-- find_key: the row that holds an idempotency key, and the caller's own that has it set aside. $1 environment text, $2 key text, $3 key set aside text, $4 created_by text, $5 guest boolean, $6 the request, JSON as text
-- Two look-ups, not one with ANY: that one reads all the keys of an environment where the planner believes there are few.
with found as (
  select s.* from payments.checkout_sessions s where s.environment = $1 and s.idempotency_key = $2
  union all
  select s.* from payments.checkout_sessions s where s.environment = $1 and s.idempotency_key = $3
)
select pg_catalog.json_build_object(
         'id', f.id,
         'plain', f.idempotency_key = $2,
         'mine', f.guest = $5 and f.created_by is not distinct from $4,
         'same', payments.request_content(pg_catalog.to_jsonb(f.*)) = payments.request_content($6::jsonb),
         'created_by', f.created_by,
         'guest', f.guest)::text
  from found f
