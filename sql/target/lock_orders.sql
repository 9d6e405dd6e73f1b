-- lock_orders: orders' rows, locked, a row for each; those that somebody else has locked are left out. $1 their keys text[]
select pg_catalog.json_build_object(
  'key', {id:text},
{order_row})::pg_catalog.text
  from {target}
 where {id} operator(pg_catalog.=) any ($1::{id:type}[])
   for update skip locked
