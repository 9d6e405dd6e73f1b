-- predicate: an app's predicate that still is one (name and owner, one JSON object). $1 signature text
select pg_catalog.json_build_object(
         'name', pg_catalog.format('%I.%I', n.nspname, p.proname), 'owner', p.proowner::int8)::text
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
 where p.oid operator(pg_catalog.=) pg_catalog.to_regprocedure($1)
   and p.prorettype operator(pg_catalog.=) 'boolean'::pg_catalog.regtype
   and not p.proretset
