-- role_revokes: the DDL that takes it back (JSON strings). $1 role oid, $2 as_ text
select pg_catalog.to_json(d.ddl)::pg_catalog.text from payments.role_revokes($1::pg_catalog.regrole, $2) with ordinality as d (ddl, place) order by d.place
