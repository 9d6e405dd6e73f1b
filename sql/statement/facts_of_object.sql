-- facts_of_object: the kept snapshots of a mirrored object. $1 environment text, $2 object_id text
select f.statement::text from payments.facts f where f.environment is not distinct from $1 and f.object_id = $2
