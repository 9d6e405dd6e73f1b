-- ordinary_search_path: the search_path that a session of this database starts with (a JSON string).
select pg_catalog.to_json(coalesce(
  (select pg_catalog.substr(setting, pg_catalog.length('search_path='::pg_catalog.text) operator(pg_catalog.+) 1)
     from pg_catalog.pg_db_role_setting s
     cross join pg_catalog.unnest(s.setconfig) as setting
    where s.setdatabase operator(pg_catalog.=) (select d.oid from pg_catalog.pg_database d where d.datname operator(pg_catalog.=) pg_catalog.current_database())
      and s.setrole operator(pg_catalog.=) 0::pg_catalog.oid
      and pg_catalog.starts_with(setting, 'search_path=')),
  '"$user", public'::pg_catalog.text))::pg_catalog.text;
