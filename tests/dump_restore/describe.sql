-- Everything of a database that a restore must bring back: rows, policies, triggers, indexes, owners, grants.

\pset tuples_only on
\pset format unaligned
set timezone = 'UTC';

select format('select %L, count(*), md5(string_agg(t::text, chr(10) order by t::text)) from %s t', c.oid::regclass, c.oid::regclass)
  from pg_class c
 where c.relnamespace in ('payments'::regnamespace, 'payments_registry'::regnamespace, 'public'::regnamespace) and c.relkind = 'r'
 order by c.oid::regclass::text \gexec

select 'relation', c.oid::regclass, c.relkind, pg_get_userbyid(c.relowner), c.relrowsecurity, c.relforcerowsecurity,
       (select string_agg(a::text, ' ' order by a::text) from unnest(coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))) a), c.reloptions
  from pg_class c
 where c.relnamespace in ('payments'::regnamespace, 'payments_registry'::regnamespace, 'public'::regnamespace) and c.relkind in ('r', 'v', 'm', 'S', 'i')
 order by c.oid::regclass::text;

select 'column', a.attrelid::regclass, a.attname, a.atttypid::regtype, a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), (select string_agg(x::text, ' ' order by x::text) from unnest(a.attacl) x), a.attcompression
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where c.relnamespace in ('payments'::regnamespace, 'payments_registry'::regnamespace, 'public'::regnamespace) and c.relkind in ('r', 'v') and a.attnum > 0
   and not a.attisdropped
 order by a.attrelid::regclass::text, a.attname;

select 'index', pg_get_indexdef(i.indexrelid) from pg_index i join pg_class c on c.oid = i.indrelid
 where c.relnamespace in ('payments'::regnamespace, 'payments_registry'::regnamespace, 'public'::regnamespace) order by 2;

select 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid) from pg_constraint
 where connamespace in ('payments'::regnamespace, 'payments_registry'::regnamespace, 'public'::regnamespace) order by conrelid::regclass::text, conname;

select 'policy', schemaname, tablename, policyname, permissive, roles, cmd, qual, with_check from pg_policies order by 2, 3, 4;

select 'trigger', pg_get_triggerdef(t.oid), t.tgenabled from pg_trigger t join pg_class c on c.oid = t.tgrelid
 where not t.tgisinternal and c.relnamespace in ('payments'::regnamespace, 'payments_registry'::regnamespace, 'public'::regnamespace) order by 2;

select 'trigger needs extension', t.tgname, t.tgrelid::regclass from pg_depend d join pg_trigger t on t.oid = d.objid
 where d.classid = 'pg_trigger'::regclass and d.deptype = 'x' order by t.tgrelid::regclass::text, t.tgname;

select 'function', p.oid::regprocedure, pg_get_userbyid(p.proowner), p.prosecdef, p.proconfig,
       (select string_agg(a::text, ' ' order by a::text) from unnest(coalesce(p.proacl, acldefault('f', p.proowner))) a)
  from pg_proc p where p.pronamespace in ('payments'::regnamespace, 'payments_registry'::regnamespace, 'public'::regnamespace) order by p.oid::regprocedure::text;

select 'schema', nspname, pg_get_userbyid(nspowner), (select string_agg(a::text, ' ' order by a::text) from unnest(nspacl) a)
  from pg_namespace where nspname in ('payments', 'payments_registry') order by nspname;

select 'view', v.schemaname, v.viewname, v.definition from pg_views v where v.schemaname = 'payments' order by 3;

select 'member', pg_describe_object(d.classid, d.objid, 0) from pg_depend d join pg_extension e on e.oid = d.refobjid
 where e.extname = 'payments' and d.deptype = 'e' order by 2;

select 'publication', p.pubname, schemaname, tablename from pg_publication p join pg_publication_tables t using (pubname) order by 2, 3, 4;
