-- links_of: the groups that ids belong to. $1 environment text, $2 keys text[]
select pg_catalog.json_build_object('key'::text, l.key, 'anchor'::text, l.anchor)::text
  from payments.links l
 where l.environment = $1 and l.key = any ($2 collate "C")
