-- update_entitlement: what one source gives now. $1 source, $2 key, $3 user_id text, $4 active boolean, $5 starts_at, $6 expires_at bigint (microseconds), $7 subject_type, $8 subject_id text
-- The key is compared as no index can: on a table that was empty when this was planned, an index on keys would look as good.
update {target}
   set {active} = $4::boolean
     , {user_id} = $3::{user_id:type}
     , {starts_at} = pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) ($5::bigint operator(pg_catalog.*) interval '1 microsecond')
     , {expires_at} = pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) ($6::bigint operator(pg_catalog.*) interval '1 microsecond')
     , {subject_type} = $7::{subject_type:type}
     , {subject_id} = $8::{subject_id:type}
     , {updated_at} = pg_catalog.now()
 where {source} operator(pg_catalog.=) $1::pg_catalog.text and pg_catalog.concat({key}) operator(pg_catalog.=) $2::pg_catalog.text
