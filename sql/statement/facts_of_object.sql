-- facts_of_object: the kept snapshots of a mirrored object. $1 environment text, $2 object_id text
select f.statement::text from payments.facts f where f.environment = $1 and f.object_id = $2
