-- Runs plpgsql_check on every PL/pgSQL function of the extension, with security warnings. Any finding is an error.

\ir ../tests/roles.sql
create extension payments;
create extension plpgsql_check;
select payments.create_app_tables() \g /dev/null

do $$
declare
  found text;
begin
  -- A trigger function is checked against each table whose trigger calls it. Any other function is checked by itself.
  select string_agg(format('%s: %s %s (line %s) %s', f.oid::regprocedure, c.level, c.message, c.lineno, c.hint), e'\n')
    into found
    from pg_proc f
    join pg_language l on l.oid = f.prolang and l.lanname = 'plpgsql'
    left join pg_trigger t on t.tgfoid = f.oid,
         lateral plpgsql_check_function_tb(f.oid::regprocedure, coalesce(t.tgrelid, 0)::regclass,
           performance_warnings => false, security_warnings => true, extra_warnings => true) c
   where f.pronamespace = 'payments'::regnamespace
     -- These execute text that our own functions made with format(%I), or that is one of a few constants. Keep it so.
     and not (c.message like 'text type variable is not sanitized%' and f.proname in
       ('create_app_tables', 'grant_default_table', 'grant_role', 'make_projection_triggers', 'make_subject_policies'))
     -- It calls one check after another by name.
     and not (c.message like 'cannot determinate a result of dynamic SQL%' and f.proname = 'doctor_body')
     and (f.prorettype <> 'trigger'::regtype or t.oid is not null);
  if found is not null then
    raise exception e'%', found;
  end if;
end
$$;
