-- keep_snapshot: one snapshot of a mirrored object. $1 environment text, $2 object_id text, $3 event_id text, $4 object_type text, $5 statement text (JSON)
insert into payments.facts (environment, object_id, event_id, object_type, statement)
values ($1, $2, $3, $4, $5::pg_catalog.json)
on conflict (environment, object_id, event_id) do update set statement = excluded.statement
