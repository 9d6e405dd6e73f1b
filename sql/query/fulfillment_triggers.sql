-- missing_projection_triggers: the DDL that makes the triggers of a kind where they are missing (JSON strings).
-- $1 kind text
select pg_catalog.to_json(d.ddl)::pg_catalog.text from payments.missing_projection_triggers($1) with ordinality as d (ddl, place) order by d.place;

-- unneeded_projection_triggers: the DDL that drops the triggers of a kind that nothing needs (JSON strings).
-- $1 kind text
select pg_catalog.to_json(d.ddl)::pg_catalog.text from payments.unneeded_projection_triggers($1) with ordinality as d (ddl, place) order by d.place;
