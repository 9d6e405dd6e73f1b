-- facts_of_group: the statements of a group. $1 environment text, $2 group_id text
select f.statement::pg_catalog.text from payments.facts f where (f.environment operator(pg_catalog.=) $1) is true and f.group_id operator(pg_catalog.=) $2
