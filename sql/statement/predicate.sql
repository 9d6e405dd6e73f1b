-- predicate: the function that is of this name now, as a number. $1 signature text
-- By its names, as to_regprocedure() raises where our owner has no USAGE on the app's schema.
select p.oid::pg_catalog.text
  from pg_catalog.parse_ident($1, false) as named (parts)
  join pg_catalog.pg_proc p on p.proname operator(pg_catalog.=) named.parts[2]::pg_catalog.name
  join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
   and n.nspname operator(pg_catalog.=) named.parts[1]::pg_catalog.name
 where p.proargtypes operator(pg_catalog.=) '25 25'::pg_catalog.oidvector
   and p.prorettype operator(pg_catalog.=) 'boolean'::pg_catalog.regtype
   and p.prokind operator(pg_catalog.=) 'f'
   and not p.proretset
