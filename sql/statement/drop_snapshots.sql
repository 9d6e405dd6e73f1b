-- drop_snapshots: snapshots that can no longer decide which is the newest. $1 environment text, $2 object_id text, $3 event ids that stay text[]
delete from payments.facts f where (f.environment operator(pg_catalog.=) $1) is true and f.object_id operator(pg_catalog.=) $2
    and f.event_id operator(pg_catalog.<>) all ($3 collate pg_catalog."C")
