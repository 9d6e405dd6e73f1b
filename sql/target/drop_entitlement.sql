-- drop_entitlement: the source no longer has anything to do with the key. $1 source, $2 key text
delete from {target} where {source} = $1::text and {key} = ($2::text)::{key:type}
