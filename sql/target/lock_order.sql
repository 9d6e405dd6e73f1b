-- lock_order: an order's row, locked. $1 its key
select pg_catalog.json_build_object(
{order_row})::text
  from {target}
 where {id} = ($1::text)::{id:type}
   for update
