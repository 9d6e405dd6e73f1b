-- add_links: adds ids to a group, in their order; an id that another delivery is adding is waited for.
-- $1 environment text, $2 keys text[], $3 group_id text
insert into payments.fact_links (environment, key, group_id)
select $1, k.key, $3 from pg_catalog.unnest($2) as k (key)
 order by k.key collate pg_catalog."C"
on conflict (environment, key) do nothing
