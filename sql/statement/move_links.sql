-- move_links: ids move to a group. $1 environment text, $2 group_id text, $3 keys text[]
update payments.fact_links l set group_id = $2
 where (l.environment operator(pg_catalog.=) $1) is true and l.key operator(pg_catalog.=) any ($3 collate pg_catalog."C") and l.group_id operator(pg_catalog.<>) $2
