-- facts_of_object: the kept snapshots of a mirrored object. $1 environment text, $2 object_id text
select f.statement::pg_catalog.text from payments.facts f where (f.environment operator(pg_catalog.=) $1) is true and f.object_id operator(pg_catalog.=) $2
