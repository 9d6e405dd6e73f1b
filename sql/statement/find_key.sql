-- find_key: the row that holds an idempotency key, and the caller's own that has it set aside. $1 environment text, $2 key text, $3 created_by text, $4 guest boolean, $5 the request, JSON as text, $6 separator text
with asked as (
  select $2 || $6 || pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
           case when $4 then 'guest'::text else coalesce('user '::text || $3, 'backend'::text) end, 'UTF8'::name)), 'hex'::text) as aside,
         $5::jsonb as content
)
select pg_catalog.json_build_object(
         'id', s.id,
         'plain', s.idempotency_key = $2,
         'mine', s.guest = $4 and s.created_by is not distinct from $3,
         'same', payments.request_content(pg_catalog.to_jsonb(s.*)) = payments.request_content(a.content),
         'aside', $2 || $6 || pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
                   case when s.guest then 'guest'::text else coalesce('user '::text || s.created_by, 'backend'::text) end,
                   'UTF8'::name)), 'hex'::text))::text
  from asked a
  join payments.checkout_sessions s
    on s.environment = $1 and s.idempotency_key = any (array[$2, a.aside])
