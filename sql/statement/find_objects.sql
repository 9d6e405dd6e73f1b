-- find_objects: locks objects that are known, in the order of their keys. $1 environment text, $2 keys text[]
select l.key from payments.links l
 where l.environment = $1 and l.key = any ($2 collate "C")
 order by l.key
   for no key update
