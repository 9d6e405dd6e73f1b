-- lock_order: an order's row, locked. $1 its key
select pg_catalog.json_build_object(
{order_row})::pg_catalog.text
  from {target}
 where {id} operator(pg_catalog.=) $1::{id:type}
   for update
