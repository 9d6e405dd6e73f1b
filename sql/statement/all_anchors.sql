-- all_anchors: every group of facts (JSON strings). $1 environment text
select distinct pg_catalog.to_json(f.anchor)::text from payments.facts f where f.environment is not distinct from $1 and f.anchor is not null order by 1
