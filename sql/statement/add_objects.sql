-- add_objects: makes objects known, in the order of their keys. $1 environment text, $2 keys text[]
insert into payments.links (environment, key)
select $1, k.key from pg_catalog.unnest($2) as k (key)
 order by k.key collate "C"
on conflict (environment, key) do nothing
