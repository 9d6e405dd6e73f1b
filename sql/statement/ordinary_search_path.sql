-- ordinary_search_path: the search_path that a session of this database starts with (a JSON string).
select pg_catalog.to_json(coalesce(
  (select pg_catalog.substr(setting, pg_catalog.length('search_path='::text) + 1)
     from pg_catalog.pg_db_role_setting s
     cross join pg_catalog.unnest(s.setconfig) as setting
    where s.setdatabase = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
      and s.setrole = 0::oid
      and pg_catalog.starts_with(setting, 'search_path='::text)),
  '"$user", public'::text))::text
