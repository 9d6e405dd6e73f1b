-- insert_entitlements: what several sources give, for the first time. $1 JSON array of {source, key, user_id text, active boolean, starts_at, expires_at bigint (microseconds), subject_type, subject_id text}
-- The key is compared as no index can: on a table that was empty when this was planned, an index on keys would look as good.
insert into {target} (
       {source}, {key}, {user_id}, {active}, {expires_at}
     , {starts_at}
     , {subject_type}
     , {subject_id}
       )
select r.source, r.key, r.user_id, r.active,
       pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) (r.expires_at operator(pg_catalog.*) interval '1 microsecond')
     , /* {starts_at} */ pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) (r.starts_at operator(pg_catalog.*) interval '1 microsecond')
     , /* {subject_type} */ r.subject_type
     , /* {subject_id} */ r.subject_id
  from pg_catalog.json_to_recordset($1::pg_catalog.json) as r (
         source pg_catalog.text, key {key:type}, user_id {user_id:type}, active boolean, starts_at bigint, expires_at bigint
       , subject_type {subject_type:type}
       , subject_id {subject_id:type}
       )
 where not exists (select from {target} e where e.{source} operator(pg_catalog.=) r.source and pg_catalog.concat(e.{key}) operator(pg_catalog.=) pg_catalog.concat(r.key) offset 0)
