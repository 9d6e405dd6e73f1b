-- subject_policy_drops: the DDL that drops them (JSON strings). $1 subject_type text
select pg_catalog.to_json(d.ddl)::pg_catalog.text from payments.subject_policy_drops($1) with ordinality as d (ddl, place) order by d.place
