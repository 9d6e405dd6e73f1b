-- Every DDL on every object of ours, as a list of statements that a trigger of an admin's then tries.
create table public.ddl (statement text primary key, outcome text);
grant all on public.ddl to public;

insert into public.ddl (statement)
select distinct format(t.template, o.name, o.plain)
  from (
    -- name: as statements name it; plain: its last part, quoted.
    select 'function' as kind, p.oid::regprocedure::text as name, quote_ident(p.proname) as plain
      from pg_proc p where p.pronamespace = 'payments'::regnamespace
    union all
    select case c.relkind when 'v' then 'view' when 'S' then 'sequence' when 'i' then 'index' when 'c' then 'type' else 'table' end,
           format('%I.%I', n.nspname, c.relname), quote_ident(c.relname)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname ~ '^payments'
    union all
    select 'trigger', format('%I on %s', t.tgname, t.tgrelid::regclass), quote_ident(t.tgname)
      from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace in ('payments'::regnamespace, 'payments_registry'::regnamespace) and not t.tgisinternal
    union all
    select 'policy', format('%I on %s', p.polname, p.polrelid::regclass), quote_ident(p.polname)
      from pg_policy p join pg_class c on c.oid = p.polrelid where c.relnamespace in ('payments'::regnamespace, 'payments_registry'::regnamespace)
    union all
    select 'schema', n.nspname, n.nspname from pg_namespace n where n.nspname ~ '^payments'
    union all
    select 'extension', 'payments', 'payments'
    union all
    select 'event trigger', quote_ident(e.evtname), quote_ident(e.evtname) from pg_event_trigger e
    union all
    select 'role', r.rolname, r.rolname from pg_roles r where r.rolname in ('payments_owner', 'payments_definer', 'postgres', 'project_admin')
  ) o
  join (values
    ('function', 'alter function %1$s rename to planted'), ('function', 'alter function %1$s owner to payments_definer'),
    ('function', 'alter function %1$s owner to project_admin'), ('function', 'alter function %1$s set schema public'),
    ('function', 'alter function %1$s set search_path = public'), ('function', 'alter function %1$s reset all'),
    ('function', 'alter function %1$s security definer'), ('function', 'alter function %1$s security invoker'),
    ('function', 'alter function %1$s volatile cost 1 leakproof'), ('function', 'alter function %1$s strict parallel safe'),
    ('function', 'alter function %1$s depends on extension plpgsql'), ('function', 'alter function %1$s no depends on extension payments'),
    ('function', 'grant execute on function %1$s to public'), ('function', 'revoke execute on function %1$s from payments_owner cascade'),
    ('function', 'drop function %1$s cascade'), ('function', 'comment on function %1$s is ''planted'''),
    ('function', 'security label on function %1$s is ''planted'''), ('function', 'alter extension payments drop function %1$s'),
    ('table', 'alter table %1$s rename to planted'), ('table', 'alter table %1$s owner to payments_definer'), ('table', 'alter table %1$s set schema public'),
    ('table', 'alter table %1$s disable trigger all'), ('table', 'alter table %1$s disable row level security'),
    ('table', 'alter table %1$s no force row level security'), ('table', 'alter table %1$s add column planted text'),
    ('table', 'alter table %1$s add constraint planted check (false) not valid'), ('table', 'alter table %1$s set (fillfactor = 50)'),
    ('table', 'alter table %1$s reset (fillfactor)'), ('table', 'alter table %1$s replica identity full'), ('table', 'alter table %1$s set unlogged'),
    ('table', 'alter table %1$s inherit public.orders'), ('table', 'alter table %1$s enable replica rule "_RETURN"'),
    ('table', 'create trigger planted before insert on %1$s for each row execute function public.hook()'),
    ('table', 'create policy planted on %1$s to public using (true)'), ('table', 'create index planted on %1$s ((1))'),
    ('table', 'create rule planted as on insert to %1$s do instead nothing'), ('table', 'create statistics public.planted on (1), (2) from %1$s'),
    ('table', 'truncate %1$s'), ('table', 'drop table %1$s cascade'), ('table', 'comment on table %1$s is ''planted'''),
    ('table', 'security label on table %1$s is ''planted'''), ('table', 'grant all on %1$s to public'), ('table', 'revoke all on %1$s from payments_owner cascade'),
    ('table', 'cluster %1$s'), ('table', 'reindex table %1$s'), ('table', 'alter extension payments add table %1$s'),
    ('table', 'create publication planted for table %1$s'), ('table', 'create table public.planted () inherits (%1$s)'),
    ('view', 'alter view %1$s rename to planted'), ('view', 'alter view %1$s owner to payments_definer'), ('view', 'alter view %1$s set schema public'),
    ('view', 'alter view %1$s set (security_invoker = false)'), ('view', 'alter view %1$s reset (security_invoker)'),
    ('view', 'create or replace view %1$s as select 1 as planted'), ('view', 'drop view %1$s cascade'), ('view', 'grant all on %1$s to public'),
    ('view', 'create rule planted as on insert to %1$s do instead nothing'), ('view', 'comment on view %1$s is ''planted'''),
    ('index', 'alter index %1$s rename to planted'), ('index', 'drop index %1$s cascade'), ('index', 'comment on index %1$s is ''planted'''),
    ('sequence', 'alter sequence %1$s restart 1'), ('sequence', 'drop sequence %1$s cascade'), ('sequence', 'grant all on %1$s to public'),
    ('type', 'alter type %1$s rename to planted'), ('type', 'alter type %1$s owner to payments_definer'), ('type', 'alter type %1$s add attribute planted text'),
    ('type', 'drop type %1$s cascade'), ('type', 'grant usage on type %1$s to public'), ('type', 'comment on type %1$s is ''planted'''),
    ('trigger', 'drop trigger %1$s cascade'), ('trigger', 'comment on trigger %1$s is ''planted'''), ('trigger', 'alter trigger %1$s rename to planted'),
    ('trigger', 'alter trigger %1$s no depends on extension payments'), ('trigger', 'alter trigger %1$s depends on extension plpgsql'),
    ('policy', 'alter policy %1$s to public'), ('policy', 'alter policy %1$s using (true)'), ('policy', 'alter policy %1$s rename to planted'),
    ('policy', 'drop policy %1$s'), ('policy', 'comment on policy %1$s is ''planted'''),
    ('schema', 'alter schema %1$s rename to planted'), ('schema', 'alter schema %1$s owner to payments_definer'), ('schema', 'drop schema %1$s cascade'),
    ('schema', 'grant all on schema %1$s to public'), ('schema', 'revoke all on schema %1$s from payments_owner cascade'),
    ('schema', 'comment on schema %1$s is ''planted'''), ('schema', 'create table %1$s.planted ()'), ('schema', 'create type %1$s.planted as enum (''a'')'),
    ('schema', 'create function %1$s.planted() returns text language sql as ''select 1::text'''), ('schema', 'create view %1$s.planted as select 1'),
    ('schema', 'create operator %1$s.|| (leftarg = name[], rightarg = name, function = pg_catalog.array_append)'),
    ('schema', 'grant all on all tables in schema %1$s to public'), ('schema', 'grant all on all functions in schema %1$s to public'),
    ('schema', 'alter default privileges in schema %1$s grant all on tables to public'),
    ('schema', 'alter default privileges for role payments_owner in schema %1$s grant all on functions to public'),
    ('extension', 'drop extension %1$s cascade'), ('extension', 'alter extension %1$s set schema public'), ('extension', 'alter extension %1$s update'),
    ('extension', 'alter extension %1$s add function public.hook()'), ('extension', 'comment on extension %1$s is ''planted'''),
    ('event trigger', 'alter event trigger %1$s disable'), ('event trigger', 'drop event trigger %1$s'), ('event trigger', 'alter event trigger %1$s rename to planted'),
    ('event trigger', 'comment on event trigger %1$s is ''planted'''),
    ('role', 'alter role %1$s superuser'), ('role', 'alter role %1$s login password ''x'''), ('role', 'alter role %1$s set search_path = public'),
    ('role', 'grant %1$s to project_admin'), ('role', 'set role %1$s'), ('role', 'set session authorization %1$s'), ('role', 'drop owned by %1$s'),
    ('role', 'reassign owned by %1$s to payments_definer'), ('role', 'drop role %1$s'), ('role', 'create table public.planted_%1$s ()')
  ) t(kind, template) on t.kind = o.kind;

-- Replaced bodies: what each says of itself, with another language and another text.
insert into public.ddl (statement)
select format('create or replace function %s.%I(%s) returns %s language plpgsql %s as ''begin raise exception $planted$; end''',
              'payments', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), t.security)
  from pg_proc p cross join (values (''), ('security definer')) t(security)
 where p.pronamespace = 'payments'::regnamespace and p.prokind = 'f'
on conflict do nothing;

insert into public.ddl (statement) values
  ('create role planted superuser'), ('create role planted'), ('create extension plpython3u'), ('create event trigger planted on ddl_command_end execute function public.hook()'),
  ('create cast (text as jsonb) with inout as implicit'), ('create language planted handler plpgsql_call_handler'), ('copy (select 1) to program ''true'''),
  ('alter system set work_mem = ''8MB'''), ('select pg_catalog.lo_import(''/etc/passwd'')'), ('create schema planted'), ('create schema payments_definer'),
  ('load ''payments'''), ('create function public.c_code() returns int language c as ''payments'', ''run_for_admin'''),
  ('update pg_catalog.pg_proc set prosecdef = true'), ('create temp table planted ()');
do $$ begin execute format('insert into public.ddl values (%L)', format('alter database %I set search_path = planted', current_database())); end $$;

-- The admin's trigger, which runs as payments_definer. What an attempt changed stays, so that the next ones find it.
grant create on schema public to payments_definer;
set role project_admin;
create function public.hook() returns trigger language plpgsql as $$
declare
  attempt text;
  result text;
begin
  for attempt in select d.statement from public.ddl d order by d.statement like 'drop%', d.statement loop
    begin
      execute attempt;
      result := format('went through, as %s', current_user);
    exception when others then
      result := sqlstate;
    end;
    begin
      update public.ddl d set outcome = result where d.statement = attempt;
    exception when others then
      raise warning 'cannot note %: %', attempt, sqlerrm;
    end;
  end loop;
  return new;
end
$$;
create trigger hook before update on payments.checkout_sessions for each row execute function public.hook();
reset role;
