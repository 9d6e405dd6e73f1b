-- links_of: the groups that ids belong to. $1 environment text, $2 keys text[]
select pg_catalog.json_build_object('key', l.key, 'group_id', l.group_id)::pg_catalog.text
  from pg_catalog.unnest($2) as k (key)
 cross join lateral (
   select o.key, o.group_id from payments.fact_links o
    where (o.environment operator(pg_catalog.=) $1) is true
      and o.key operator(pg_catalog.=) k.key collate pg_catalog."C" offset 0
 ) as l
