-- Operators, functions and casts in schema :schema that resemble the system's, which a statement finds if it names them without
-- a schema and passes types that the system has no exact match for. Each tells that it was called and by whom, by a sequence that
-- counts what was undone, too.
create function :schema.called() returns void language plpgsql as $$
begin
  perform nextval(format('canary.%I', 'as_' || current_user));
exception when others then
  perform nextval('canary.as_other');
end $$;

set planted.schema = :'schema';
do $$
declare
  here constant text := current_setting('planted.schema');
  types constant text[] := '{text,varchar,name,int4,int8,numeric,uuid,jsonb,timestamptz,interval,bool}';
  l text;
  r text;
  o record;
  f record;
begin
  foreach l in array types loop
    foreach r in array types loop
      execute format('create function %s.planted(%s, %s) returns bool language plpgsql as ''begin perform %s.called(); return true; end''', here, l, r, here);
    end loop;
  end loop;
  for o in
    select n.name, l.t as l, r.t as r
      from unnest('{=,<>,<,>,<=,>=,||,+,-,*,/,->,->>,~}'::text[]) n(name), unnest(types) l(t), unnest(types) r(t)
     where not exists (select from pg_catalog.pg_operator p where p.oprname = n.name and p.oprnamespace = 'pg_catalog'::regnamespace
                          and p.oprleft = l.t::regtype and p.oprright = r.t::regtype)
  loop
    execute format('create operator %s.%s (leftarg = %s, rightarg = %s, function = %s.planted)', here, o.name, o.l, o.r, here);
  end loop;
  -- Functions of the system that take text or bigint, with the types that columns have.
  for f in
    select distinct p.proname, replace(replace(v.args, 'text', v.instead), 'bigint', v.number) as args, format_type(p.prorettype, null) as result, p.proretset
      from pg_catalog.pg_proc p
     cross join lateral (select pg_get_function_identity_arguments(p.oid) as a) s
     cross join lateral (values (s.a, 'varchar', 'integer'), (s.a, 'name', 'smallint'), (s.a, 'uuid', 'numeric')) v(args, instead, number)
     where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f' and p.pronargs between 1 and 4 and s.a ~ 'text|bigint' and s.a !~ 'any|internal|VARIADIC|OUT '
       and p.proname !~ '^(pg_|_|ts|has_|text|bp|varchar|lo_|int8|dblink|set_config)'
       and p.prorettype in ('text'::regtype, 'bool'::regtype, 'int4'::regtype, 'int8'::regtype, 'jsonb'::regtype) and not p.proretset
  loop
    begin
      execute format('create function %s.%I(%s) returns %s language plpgsql as ''begin perform %s.called(); return null; end''', here, f.proname, f.args, f.result, here);
    exception when duplicate_function or syntax_error or invalid_function_definition then null;
    end;
  end loop;
  -- What a path that begins elsewhere would take for the system's.
  for f in
    select p.proname, pg_get_function_identity_arguments(p.oid) as args, format_type(p.prorettype, null) as result
      from pg_catalog.pg_proc p
     where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f' and not p.proretset
       and p.proname in ('now', 'lower', 'btrim', 'md5', 'length', 'coalesce', 'gen_random_uuid', 'clock_timestamp', 'current_setting', 'to_jsonb', 'quote_ident')
       and pg_get_function_identity_arguments(p.oid) !~ 'any'
  loop
    execute format('create function %s.%I(%s) returns %s language plpgsql as ''begin perform %s.called(); return null; end''', here, f.proname, f.args, f.result, here);
  end loop;
end $$;
