-- add_job: something to do outside of the database, once for each source and kind. $1 kind, $2 source, $3 payload text (JSON)
insert into {target} ({kind}, {source}, {payload})
select $1::pg_catalog.text, $2::pg_catalog.text, ($3::pg_catalog.text)::pg_catalog.jsonb
 where not exists (select from {target} j where j.{kind} operator(pg_catalog.=) $1::pg_catalog.text and j.{source} operator(pg_catalog.=) $2::pg_catalog.text)
