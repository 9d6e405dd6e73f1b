-- find_entitlement: whether a source has a row for a key. $1 source, $2 key text
select 'true'::text from {target} where {source} = $1::text and pg_catalog.concat({key}) = $2::text limit 1
