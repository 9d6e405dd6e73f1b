-- find_objects: locks objects that are known, in the order in which they are named. $1 environment text, $2 keys text[]
select l.key
  from pg_catalog.unnest($2) as k (key)
 cross join lateral (
   select o.key from payments.links o where o.environment = $1 and o.key = k.key collate "C" for no key update
 ) as l
