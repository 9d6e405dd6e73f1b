-- add_jobs: things to do outside of the database, once for each source and kind. $1 kinds, $2 sources, $3 payloads text[] (JSON)
insert into {target} ({kind}, {source}, {payload})
select r.kind, r.source, r.payload::pg_catalog.jsonb
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as kind, pg_catalog.unnest($2::pg_catalog.text[]) as source,
               pg_catalog.unnest($3::pg_catalog.text[]) as payload) as r
 where not exists (select from {target} j where j.{kind} operator(pg_catalog.=) r.kind and j.{source} operator(pg_catalog.=) r.source offset 0)
