-- Who may do what: each object with what each role may do, and how each function runs and each table is guarded. The same text on
-- every major; MAINTAIN, which 17 brought, is judged at the end.
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '
create role stranger;
create temp view roles as
select r.name, r.place from unnest(array['public', 'anon', 'authenticated', 'project_admin', 'service_role', 'authenticator',
                                         'payments_owner', 'payments_definer', 'payments_registrar', 'stranger']::name[]) with ordinality r(name, place);
create temp view who as
select o.oid, o.rolname,
       case when o.rolsuper then 'superuser' else o.rolname end as kind
  from pg_roles o;

\echo '# Roles: attributes and memberships'
select r.rolname, concat_ws(' ', case when rolsuper then 'superuser' end, case when rolcanlogin then 'login' end, case when rolinherit then 'inherit' end,
                            case when rolcreaterole then 'createrole' end, case when rolcreatedb then 'createdb' end,
                            case when rolreplication then 'replication' end, case when rolbypassrls then 'bypassrls' end) as attributes,
       (select string_agg(m.roleid::regrole::text, ' ' order by m.roleid::regrole::text collate "C") from pg_auth_members m where m.member = r.oid)
  from pg_roles r join roles k on k.name = r.rolname order by k.place;

\echo '# Schemas'
select n.nspname, w.kind, r.name, string_agg(p.p, ' ' order by p.p)
  from pg_namespace n join who w on w.oid = n.nspowner cross join roles r cross join unnest(array['USAGE', 'CREATE']) p(p)
 where n.nspname ~ '^payments' and has_schema_privilege(r.name, n.oid, p.p) group by 1, 2, 3, r.place order by 1, r.place;

\echo '# Tables and views: owner, row security, then what each role may do'
select n.nspname || '.' || c.relname, c.relkind, w.kind,
       concat_ws(' ', case when c.relrowsecurity then 'rls' end, case when c.relforcerowsecurity then 'forced' end, array_to_string(c.reloptions, ' '))
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join who w on w.oid = c.relowner
 where n.nspname ~ '^payments' and c.relkind in ('r', 'v', 'S', 'm', 'p', 'f') order by 1;
select n.nspname || '.' || c.relname, r.name, string_agg(p.p, ' ' order by p.p)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace cross join roles r
 cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p(p)
 where n.nspname ~ '^payments' and c.relkind in ('r', 'v', 'm', 'p', 'f') and has_table_privilege(r.name, c.oid, p.p)
 group by 1, 2, r.place order by 1, r.place;

\echo '# Columns, where a role may do something with some only'
select n.nspname || '.' || c.relname, r.name, p.p, string_agg(a.attname, ' ' order by a.attname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 cross join roles r cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p(p)
 where n.nspname ~ '^payments' and c.relkind in ('r', 'v') and has_column_privilege(r.name, c.oid, a.attnum, p.p) and not has_table_privilege(r.name, c.oid, p.p)
 group by 1, 2, 3, r.place order by 1, r.place, 3;

\echo '# Policies'
select c.relname, p.polname, p.polcmd, p.polpermissive, array(select case x when 0 then 'public' else x::regrole::text end from unnest(p.polroles) x order by 1),
       regexp_replace(coalesce(pg_get_expr(p.polqual, p.polrelid), '-'), '\s+', ' ', 'g'), regexp_replace(coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '-'), '\s+', ' ', 'g')
  from pg_policy p join pg_class c on c.oid = p.polrelid order by c.relname collate "C", p.polname collate "C";

\echo '# Triggers of ours'
select c.relname, t.tgname, t.tgenabled, t.tgfoid::regproc
  from pg_trigger t join pg_class c on c.oid = t.tgrelid
 where c.relnamespace in (select oid from pg_namespace where nspname ~ '^payments') and not t.tgisinternal order by c.relname collate "C", t.tgname collate "C";
select evtname, evtevent, evtenabled, evttags, evtfoid::regproc from pg_event_trigger order by 1;

\echo '# Types that somebody may use'
select format_type(t.oid, null), r.name from pg_type t cross join roles r
 where t.typnamespace in (select oid from pg_namespace where nspname ~ '^payments') and r.name <> 'payments_owner'
   and has_type_privilege(r.name, t.oid, 'USAGE') and t.typrelid = 0 and t.typelem = 0 order by 1, r.place;

\echo '# Functions: owner, language, security, settings, who may execute'
select p.oid::regprocedure, w.kind, l.lanname, case when p.prosecdef then 'definer' else 'invoker' end, array_to_string(p.proconfig, '; '),
       coalesce((select string_agg(r.name, ' ' order by r.place) from roles r where has_function_privilege(r.name, p.oid, 'EXECUTE')), '-')
  from pg_proc p join who w on w.oid = p.proowner join pg_language l on l.oid = p.prolang
 where p.pronamespace in (select oid from pg_namespace where nspname ~ '^payments') order by p.oid::regprocedure::text collate "C";

\echo '# MAINTAIN, from 17'
select current_setting('server_version_num')::int >= 170000 as maintain \gset
\if :maintain
select c.oid::regclass, r.name from pg_class c cross join roles r
 where c.relnamespace in (select oid from pg_namespace where nspname ~ '^payments') and c.relkind = 'r' and r.name <> 'payments_owner' and has_table_privilege(r.name, c.oid, 'MAINTAIN');
\endif
