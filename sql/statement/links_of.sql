-- links_of: the groups that ids belong to. $1 environment text, $2 keys text[]
select pg_catalog.json_build_object('key'::text, l.key, 'anchor'::text, l.anchor)::text
  from pg_catalog.unnest($2) as k (key)
 cross join lateral (
   select o.key, o.anchor from payments.links o where o.environment is not distinct from $1 and o.key = k.key collate "C" offset 0
 ) as l
