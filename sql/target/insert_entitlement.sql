-- insert_entitlement: what one source gives, for the first time. $1 source, $2 key, $3 user_id text, $4 active boolean, $5 starts_at, $6 expires_at bigint (microseconds), $7 subject_type, $8 subject_id text
-- The key is compared as no index can: on a table that was empty when this was planned, an index on keys would look as good.
insert into {target} (
       {source}, {key}, {user_id}, {active}, {expires_at}
     , {starts_at}
     , {subject_type}
     , {subject_id}
       )
select $1::pg_catalog.text, $2::{key:type}, $3::{user_id:type}, $4::boolean,
       pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) ($6::bigint operator(pg_catalog.*) interval '1 microsecond')
     , /* {starts_at} */ pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) ($5::bigint operator(pg_catalog.*) interval '1 microsecond')
     , $7::{subject_type:type}
     , $8::{subject_id:type}
 where not exists (select from {target} e where e.{source} operator(pg_catalog.=) $1::pg_catalog.text and pg_catalog.concat(e.{key}) operator(pg_catalog.=) pg_catalog.concat($2::{key:type}))
