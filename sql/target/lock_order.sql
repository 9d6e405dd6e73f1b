-- lock_order: an order's row, locked. $1 its key
select pg_catalog.json_build_object(
  'status', {status}::text,
  'amount', {amount}::bigint,
  'currency', {currency}::text,
  'environment', {environment}::text,
  'user_id', {user_id}::text,
  'subject_type', {subject_type}::text,
  'subject_id', {subject_id}::text,
  'at', null)::text
  from {target}
 where {id} = ($1::text)::{id:type}
   for update
