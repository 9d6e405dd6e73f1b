-- drop_entitlement: the source no longer has anything to do with the key. $1 source, $2 key text
-- The key is compared as no index can: on a table that was empty when this was planned, an index on keys would look as good.
delete from {target} where {source} = $1::text and pg_catalog.concat({key}) = $2::text
