-- merge_facts: facts that turn out to speak of one payment become one group. $1 environment text, $2 group_id text, $3 group_ids merged into it text[]
with moved as (
  update payments.facts f set group_id = $2
   where (f.environment operator(pg_catalog.=) $1) is true and f.group_id operator(pg_catalog.=) any ($3 collate pg_catalog."C")
  returning f.keys
)
update payments.fact_links l set group_id = $2
 where (l.environment operator(pg_catalog.=) $1) is true and l.key operator(pg_catalog.=) any (array(select pg_catalog.unnest(m.keys) from moved m))
