-- The golden file of privileges: what every role of the app may do with every table, column and function, from the catalog. Nothing
-- for PUBLIC, ever. A function or table that is missing here is nobody's.
select r.rolname, c.relname, string_agg(p.privilege, ', ' order by p.privilege) as privileges
  from pg_roles r
 cross join pg_class c
 cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as p(privilege)
 where r.rolname in ('anon', 'authenticated', 'project_admin', 'service_role', 'authenticator')
   and c.relnamespace = 'payments'::regnamespace and c.relkind in ('r', 'v', 'S') and has_table_privilege(r.rolname, c.oid, p.privilege)
 group by 1, 2 order by 1, 2;
select r.rolname, c.relname, p.privilege, string_agg(a.attname, ', ' order by a.attnum) as columns
  from pg_roles r
 cross join pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) as p(privilege)
 where r.rolname in ('anon', 'authenticated', 'project_admin', 'service_role', 'authenticator')
   and c.relnamespace = 'payments'::regnamespace and c.relkind in ('r', 'v')
   and has_column_privilege(r.rolname, c.oid, a.attnum, p.privilege) and not has_table_privilege(r.rolname, c.oid, p.privilege)
 group by 1, 2, 3 order by 1, 2, 3;
select p.oid::regprocedure as function,
       (select string_agg(r.rolname, ', ' order by r.rolname) from pg_roles r
         where r.rolname in ('anon', 'authenticated', 'project_admin', 'service_role', 'authenticator')
           and has_function_privilege(r.rolname, p.oid, 'EXECUTE')) as executable_by
  from pg_proc p where p.pronamespace = 'payments'::regnamespace order by p.oid::regprocedure::text collate "C";
select count(*) as granted_to_public
  from (select proacl from pg_proc where pronamespace = 'payments'::regnamespace
        union all select relacl from pg_class where relnamespace = 'payments'::regnamespace
        union all select nspacl from pg_namespace where nspname = 'payments') as a(acl), aclexplode(a.acl) e
 where e.grantee = 0;
select count(*) as open_by_default from pg_proc where pronamespace = 'payments'::regnamespace and proacl is null;
-- Every function pins its path, and none belongs to a superuser.
select p.oid::regprocedure as unpinned from pg_proc p
 where p.pronamespace = 'payments'::regnamespace and p.prosecdef and not coalesce(p.proconfig::text like '%search_path%', false);
select p.oid::regprocedure as of_a_superuser from pg_proc p join pg_roles r on r.oid = p.proowner
 where p.pronamespace = 'payments'::regnamespace and r.rolsuper;
-- Row security is on everywhere, forced on the sessions.
select c.relname, c.relrowsecurity, c.relforcerowsecurity from pg_class c
 where c.relnamespace = 'payments'::regnamespace and c.relkind = 'r' order by 1;
