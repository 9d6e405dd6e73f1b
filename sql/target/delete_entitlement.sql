-- delete_entitlement: the source no longer has anything to do with the key. $1 source, $2 key text
-- The key is compared as no index can: on a table that was empty when this was planned, an index on keys would look as good.
delete from {target} where {source} operator(pg_catalog.=) $1::pg_catalog.text and pg_catalog.concat({key}) operator(pg_catalog.=) $2::pg_catalog.text
