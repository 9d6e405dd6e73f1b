-- lock_orders: orders' rows, locked, a row for each; those that somebody else has locked are left out. $1 their keys text[]
select pg_catalog.json_build_object(
  'key', {id}::text,
  'status', {status}::text,
  'amount', {amount}::bigint,
  'currency', {currency}::text,
  'environment', {environment}::text,
  'user_id', {user_id}::text,
  'subject_type', {subject_type}::text,
  'subject_id', {subject_id}::text,
  'at', null)::text
  from {target}
 where {id} = any (($1::text[])::{id:type}[])
   for update skip locked
