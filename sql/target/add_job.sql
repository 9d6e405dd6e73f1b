-- add_job: something to do outside of the database, once for each source and kind. $1 kind, $2 source, $3 payload text (JSON)
insert into {target} ({kind}, {source}, {payload})
select $1::text, $2::text, ($3::text)::jsonb
 where not exists (select from {target} j where j.{kind} = $1::text and j.{source} = $2::text)
