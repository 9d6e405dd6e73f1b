-- all_mirrored: every mirrored object, customers first. $1 environment text
select pg_catalog.json_build_object('object_id', o.object_id, 'object_type', o.object_type)::pg_catalog.text
  from (select distinct f.object_id, f.object_type from payments.facts f where (f.environment operator(pg_catalog.=) $1) is true and f.group_id is null) as o
 order by o.object_type operator(pg_catalog.<>) 'customer', o.object_type, o.object_id
