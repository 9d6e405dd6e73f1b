-- move_links: ids move to a group. $1 environment text, $2 anchor text, $3 keys text[]
update payments.links l set anchor = $2
 where (l.environment operator(pg_catalog.=) $1) is true and l.key operator(pg_catalog.=) any ($3 collate pg_catalog."C") and l.anchor operator(pg_catalog.<>) $2
