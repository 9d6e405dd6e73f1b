-- What a database grants by default on new tables, functions and types is not granted on ours, nor on the app's default
-- tables.
set client_min_messages = error;
drop extension payments;
drop schema payments, payments_registry cascade;
reset client_min_messages;
begin;
alter default privileges grant all on tables to public;
alter default privileges grant all on tables to anon, authenticated with grant option;
alter default privileges grant all on sequences to anon, authenticated;
alter default privileges grant all on functions to anon, authenticated;
alter default privileges grant all on types to anon, authenticated;
alter default privileges grant all on schemas to anon, authenticated;
create extension payments;
select c.relname, r.rolname, string_agg(p.privilege, ', ' order by p.privilege) as privileges
  from pg_roles r
 cross join pg_class c
 cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as p(privilege)
 where r.rolname in ('anon', 'authenticated') and c.relnamespace = 'payments'::regnamespace
   and c.relkind in ('r', 'v', 'S')
   and has_table_privilege(r.rolname, c.oid, p.privilege)
 group by 1, 2 order by 1, 2;
select n.nspname, a.grantee::regrole, a.privilege_type
  from pg_namespace n cross join lateral aclexplode(n.nspacl) a
 where n.nspname in ('payments_registry', 'payments_secret') and a.grantee <> n.nspowner order by 1, 2, 3;
select c.relname, a.grantee::regrole, string_agg(a.privilege_type, ', ' order by a.privilege_type) as privileges
  from pg_class c cross join lateral aclexplode(c.relacl) a
 where c.relnamespace in ('payments_registry'::regnamespace, 'payments_secret'::regnamespace) and c.relkind = 'r'
   and a.grantee <> c.relowner group by 1, 2 order by 1, 2;
select p.oid::regprocedure as function, r.rolname as executable_by
  from pg_proc p, pg_roles r
 where p.pronamespace = 'payments'::regnamespace and r.rolname in ('anon', 'authenticated')
   and has_function_privilege(r.rolname, p.oid, 'EXECUTE')
   and not exists (select from payments.granted_functions() f
                    where f.signature::regprocedure = p.oid and f.as_ in ('guest', 'member'));
select t.typname, e.grantee::regrole, e.privilege_type
  from pg_type t, aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) e
 where t.typnamespace = 'payments'::regnamespace and t.typrelid = 0 and t.typelem = 0 and e.grantee <> t.typowner
    or t.oid in ('payments.checkout_session'::regtype, 'payments.customer_portal_session'::regtype)
      and e.grantee <> t.typowner;
select has_schema_privilege('anon', 'payments', 'CREATE') as anon_creates,
       has_schema_privilege('anon', 'payments', 'USAGE') as anon_uses;
-- So a guest is one: what only the backend writes is refused.
savepoint as_guest;
set local role anon;
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url, url)
values ('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/',
        'https://evil.example/');
rollback to as_guest;
set local role anon;
select status, guest
  from payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/',
                                        'https://a.example/');
reset role;

-- The app's default tables: their readers' own rows, and nothing else.
select payments.create_app_tables();
select c.relname, r.rolname, string_agg(p.privilege, ', ' order by p.privilege) as privileges
  from pg_roles r
 cross join pg_class c
 cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as p(privilege)
 where r.rolname in ('anon', 'authenticated') and c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
   and has_table_privilege(r.rolname, c.oid, p.privilege)
 group by 1, 2 order by 1, 2;
rollback;

-- A table that is found again keeps what was granted on it; what is made anew is not granted.
create extension payments;
create role reporting;
grant select on payments.products to reporting;
drop extension payments;
begin;
alter default privileges grant all on tables to anon;
create extension payments;
select has_table_privilege('reporting', 'payments.products', 'SELECT') as kept,
       has_table_privilege('anon', 'payments_secret.webhook_secrets', 'SELECT') as leaked,
       has_function_privilege('anon', 'payments.caller()', 'EXECUTE') as policies_work;
rollback;
