-- find_entitlement: whether a source has a row for a key. $1 source, $2 key text
select 'true'::pg_catalog.text from {target} where {source} operator(pg_catalog.=) $1::pg_catalog.text and pg_catalog.concat({key}) operator(pg_catalog.=) $2::pg_catalog.text limit 1
