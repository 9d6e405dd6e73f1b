-- subject_policies: the DDL that makes the policies of a type of subject (JSON strings). $1 subject_type text, $2 by_predicate boolean
select pg_catalog.to_json(d.ddl)::pg_catalog.text from payments.subject_policies($1, $2) with ordinality as d (ddl, place) order by d.place
