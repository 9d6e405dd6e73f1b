-- unbacked_grants: the DDL that takes back what no record backs (JSON strings).
select pg_catalog.to_json(d.ddl)::pg_catalog.text from payments.unbacked_grants() with ordinality as d (ddl, place) order by d.place
