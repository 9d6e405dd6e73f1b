-- all_anchors: every group of facts (JSON strings). $1 environment text
select distinct pg_catalog.to_json(f.anchor)::pg_catalog.text from payments.facts f
 where (f.environment operator(pg_catalog.=) $1) is true and f.anchor is not null
 order by pg_catalog.to_json(f.anchor)::pg_catalog.text
