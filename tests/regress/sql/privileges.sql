-- The golden file of privileges: what every role of the app may do with every table, column and function, from the
-- catalog. Nothing for PUBLIC, ever. A function or table that is missing here is nobody's.
create role spec_guest;
create role spec_member;
create role spec_webhook;
create role spec_gateway;
select payments.grant_role(r, w)
  from (values ('spec_guest'::regrole, 'guest'), ('spec_member', 'member'), ('spec_webhook', 'webhook'),
        ('spec_gateway', 'gateway')) as g(r, w);
select r.rolname, c.relname, string_agg(p.privilege, ', ' order by p.privilege) as privileges
  from pg_roles r
 cross join pg_class c
 cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as p(privilege)
 where r.rolname in ('anon', 'authenticated', 'project_admin', 'service_role', 'authenticator', 'spec_guest',
                     'spec_member', 'spec_webhook', 'spec_gateway')
   and c.relnamespace = 'payments'::regnamespace and c.relkind in ('r', 'v', 'S')
   and has_table_privilege(r.rolname, c.oid, p.privilege)
 group by 1, 2 order by 1, 2;
select r.rolname, c.relname, p.privilege, folded(string_agg(a.attname, ', ' order by a.attnum), 60) as columns
  from pg_roles r
 cross join pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) as p(privilege)
 where r.rolname in ('anon', 'authenticated', 'project_admin', 'service_role', 'authenticator', 'spec_guest',
                     'spec_member', 'spec_webhook', 'spec_gateway')
   and c.relnamespace = 'payments'::regnamespace and c.relkind in ('r', 'v')
   and has_column_privilege(r.rolname, c.oid, a.attnum, p.privilege)
   and not has_table_privilege(r.rolname, c.oid, p.privilege)
 group by 1, 2, 3 order by 1, 2, 3;
select folded(replace(p.oid::regprocedure::text, ',', ', '), 70) as function,
       (select folded(string_agg(r.rolname, ', ' order by r.rolname), 40) from pg_roles r
         where r.rolname in ('anon', 'authenticated', 'project_admin', 'service_role', 'authenticator', 'spec_guest',
                             'spec_member', 'spec_webhook', 'spec_gateway')
           and has_function_privilege(r.rolname, p.oid, 'EXECUTE')) as executable_by
  from pg_proc p where p.pronamespace = 'payments'::regnamespace order by p.oid::regprocedure::text collate "C";
select count(*) as granted_to_public
  from (select proacl from pg_proc where pronamespace = 'payments'::regnamespace
        union all select relacl from pg_class where relnamespace in (select payments.table_schemas())
        union all select typacl from pg_type where typnamespace = 'payments'::regnamespace
        union all select nspacl from pg_namespace where oid in (select payments.table_schemas())) as a(acl),
       aclexplode(a.acl) e
 where e.grantee = 0;
select count(*) as open_by_default from pg_proc where pronamespace = 'payments'::regnamespace and proacl is null;
-- Every function pins its path, runs with its caller's rights, and belongs to the superuser who installed it; one that
-- is told who called asks at once, and no other asks.
select p.oid::regprocedure as unpinned from pg_proc p
 where p.pronamespace = 'payments'::regnamespace and not coalesce(p.proconfig::text like '%search_path%', false);
select p.oid::regprocedure as with_rights_of_its_own from pg_proc p join pg_roles r on r.oid = p.proowner
 where p.pronamespace = 'payments'::regnamespace and (p.prosecdef or not r.rolsuper);
select b.oid::regprocedure as asks_otherwise from pg_proc f
  join pg_proc b on b.proname = f.proname || '_body' and b.proargtypes = f.proargtypes
 where f.pronamespace = 'payments'::regnamespace and b.pronamespace = f.pronamespace
   and (b.prosrc ~ 'outer_role') <> (f.prosrc ~ '^run_(for_)?named');
select p.oid::regprocedure as asks_for_the_caller from pg_proc p
 where p.pronamespace = 'payments'::regnamespace and p.prosrc ~ 'payments.outer_role' and p.proname !~ '_body$';
-- Types are used by creating something with them, which nobody has to.
select t.typname, e.grantee::regrole from pg_type t join pg_class c on c.oid = t.typrelid and c.relkind = 'c',
       aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) e
 where t.typnamespace = 'payments'::regnamespace and e.grantee <> t.typowner;
-- Row security is on everywhere, forced on the sessions.
select c.relname, c.relrowsecurity, c.relforcerowsecurity from pg_class c
 where c.relnamespace in (select payments.table_schemas()) and c.relkind = 'r' order by 1;
-- Two roles whose long names begin alike have a policy each.
begin;
create role a_role_with_a_very_long_name_that_goes_on_and_on_and_on_1;
create role a_role_with_a_very_long_name_that_goes_on_and_on_and_on_2;
select payments.grant_role('a_role_with_a_very_long_name_that_goes_on_and_on_and_on_1', 'admin');
select payments.grant_role('a_role_with_a_very_long_name_that_goes_on_and_on_and_on_2', 'admin');
set local role a_role_with_a_very_long_name_that_goes_on_and_on_and_on_2;
insert into payments.products (environment, stripe_product_id, name) values ('test', 'prod_1', 'one');
select name from payments.products;
rollback;
-- What is none of the words is told, unless it is a secret.
select payments.grant_role('anon', 'root');
select payments.grant_role('anon', 'sk_live_abc');
drop owned by spec_guest, spec_member, spec_webhook, spec_gateway;
drop role spec_guest, spec_member, spec_webhook, spec_gateway;
