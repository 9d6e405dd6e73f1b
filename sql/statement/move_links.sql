-- move_links: ids move to a group. $1 environment text, $2 anchor text, $3 keys text[]
update payments.links l set anchor = $2
 where l.environment is not distinct from $1 and l.key = any ($3 collate "C") and l.anchor <> $2
