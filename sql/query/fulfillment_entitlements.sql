-- update_entitlement: updates the row of a source and key.
-- $1 source, $2 key, $3 user_id text, $4 active boolean, $5 starts_at, $6 expires_at timestamptz,
-- $7 subject_type, $8 subject_id text
-- The key is compared in a form that no index can serve: planned on an empty table, an index on keys would look as good as one on
-- sources.
update {target}
   set {active} = $4::boolean
     , {user_id} = $3::{user_id:type}
     , {starts_at} = $5::pg_catalog.timestamptz
     , {expires_at} = $6::pg_catalog.timestamptz
     , {subject_type} = $7::{subject_type:type}
     , {subject_id} = $8::{subject_id:type}
     , {updated_at} = pg_catalog.now()
 where {source} operator(pg_catalog.=) $1::pg_catalog.text and pg_catalog.concat({key}) operator(pg_catalog.=) $2::pg_catalog.text;

-- delete_entitlement: deletes the row of a source and key. $1 source, $2 key text
-- The key is compared in a form that no index can serve: planned on an empty table, an index on keys would look as good as one on
-- sources.
delete from {target} where {source} operator(pg_catalog.=) $1::pg_catalog.text and pg_catalog.concat({key}) operator(pg_catalog.=) $2::pg_catalog.text;

-- find_entitlement: whether a source has a row for a key. $1 source, $2 key text
select 'true'::pg_catalog.text from {target} where {source} operator(pg_catalog.=) $1::pg_catalog.text and pg_catalog.concat({key}) operator(pg_catalog.=) $2::pg_catalog.text limit 1;

-- insert_entitlements: inserts the rows of sources that had none.
-- $1 sources, $2 keys, $3 user ids text[], $4 active boolean[], $5 starts_at, $6 expires_at timestamptz[],
-- $7 subject types, $8 subject ids text[]
-- The key is compared in a form that no index can serve: planned on an empty table, an index on keys would look as good as one on
-- sources.
insert into {target} (
       {source}, {key}, {user_id}, {active}, {expires_at}
     , {starts_at}
     , {subject_type}
     , {subject_id}
       )
select r.source, r.key, r.user_id, r.active,
       r.expires_at
     , /* {starts_at} */ r.starts_at
     , /* {subject_type} */ r.subject_type
     , /* {subject_id} */ r.subject_id
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as source, pg_catalog.unnest($2::{key:type}[]) as key,
               pg_catalog.unnest($3::{user_id:type}[]) as user_id, pg_catalog.unnest($4::boolean[]) as active,
               pg_catalog.unnest($5::pg_catalog.timestamptz[]) as starts_at, pg_catalog.unnest($6::pg_catalog.timestamptz[]) as expires_at
             , pg_catalog.unnest($7::{subject_type:type}[]) as subject_type
             , pg_catalog.unnest($8::{subject_id:type}[]) as subject_id
       ) as r
 where not exists (select from {target} e where e.{source} operator(pg_catalog.=) r.source and pg_catalog.concat(e.{key}) operator(pg_catalog.=) pg_catalog.concat(r.key) offset 0);
