-- role_grants: the DDL that gives a role what it was recorded as (JSON strings). $1 role oid, $2 as_ text
select pg_catalog.to_json(d.ddl)::pg_catalog.text from payments.role_grants($1::pg_catalog.regrole, $2) with ordinality as d (ddl, place) order by d.place
