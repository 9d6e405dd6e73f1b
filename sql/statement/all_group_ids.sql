-- all_group_ids: every group of facts (JSON strings). $1 environment text
select distinct pg_catalog.to_json(f.group_id)::pg_catalog.text from payments.facts f
 where (f.environment operator(pg_catalog.=) $1) is true and f.group_id is not null
 order by pg_catalog.to_json(f.group_id)::pg_catalog.text
