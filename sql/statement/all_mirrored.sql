-- all_mirrored: every mirrored object, customers first. $1 environment text
select pg_catalog.json_build_object('object_id'::text, o.object_id, 'object_type'::text, o.object_type)::text
  from (select distinct f.object_id, f.object_type from payments.facts f where f.environment is not distinct from $1 and f.anchor is null) as o
 order by o.object_type <> 'customer'::text, o.object_type, o.object_id
