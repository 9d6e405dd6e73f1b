-- drop_snapshots: snapshots that can no longer decide which is the newest. $1 environment text, $2 object_id text, $3 event ids that stay text[]
delete from payments.facts f where f.environment is not distinct from $1 and f.object_id = $2 and f.event_id <> all ($3 collate "C")
