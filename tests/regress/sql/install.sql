-- What CREATE EXTENSION refuses, and that what it made survives DROP EXTENSION and is found again.

-- The tables are not members of the extension (a dump would lose what an app hangs on them); only the secrets' table
-- is.
select c.relname, pg_get_userbyid(c.relowner) as owner
  from pg_depend d join pg_class c on c.oid = d.objid and d.classid = 'pg_class'::regclass
  join pg_extension e on e.oid = d.refobjid and d.deptype = 'e'
 where e.extname = 'payments' and c.relkind in ('r', 'v', 'm', 'S', 'f')
 order by 1;

select count(*) as not_owned_by_payments_owner
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'payments' and c.relkind in ('r', 'v', 'm', 'S', 'f')
   and pg_get_userbyid(c.relowner) <> 'payments_owner';

-- So it is with the two tables that point to those of an app, and with their schema, where nobody else comes in.
select c.relname, pg_get_userbyid(c.relowner) as owner from pg_class c
 where c.relnamespace = 'payments_registry'::regnamespace and c.relkind in ('r', 'v', 'm', 'S', 'f') order by 1;
select pg_get_userbyid(n.nspowner) as owner, a.grantee::regrole, a.privilege_type
  from pg_namespace n cross join lateral aclexplode(n.nspacl) a where n.nspname = 'payments_registry' order by 2, 3;

-- Data survives a plain DROP EXTENSION and is found again.
insert into payments.products (environment, stripe_product_id, name) values ('test', 'prod_kept', 'Kept');
drop extension payments;
select stripe_product_id, name from payments.products;
create extension payments;
select stripe_product_id, name from payments.products;

-- Who was an admin and is not any more does not become one again: not by what he may do otherwise, nor as the guest
-- that he is now.
create role once_admin;
create role now_guest;
grant authenticated to once_admin;
select payments.grant_role(r::regrole, 'admin') from unnest(array['once_admin', 'now_guest']) r;
revoke all on all tables in schema payments from once_admin, now_guest;
revoke all on all functions in schema payments from once_admin, now_guest;
revoke usage on schema payments from once_admin;
select payments.grant_role('now_guest', 'guest');
drop extension payments;
create extension payments;
select r, has_function_privilege(r, 'payments.approve_live(text)', 'EXECUTE') as approves,
       has_table_privilege(r, 'payments.payment_history', 'UPDATE') as writes,
       has_function_privilege(r, 'payments.current_user_id()', 'EXECUTE') as asks
  from unnest(array['once_admin', 'now_guest']) r;

-- A schema of that name that belongs to someone else is refused: its owner could drop or replace what is in it.
drop extension payments;
set client_min_messages = error;
drop schema payments, payments_registry cascade;
reset client_min_messages;
begin;
create role squatter;
create schema payments authorization squatter;
create extension payments;
rollback;

begin;
create role squatter;
create schema payments_registry authorization squatter;
create extension payments;
rollback;

-- So is a relation in it that belongs to someone else.
begin;
create role squatter;
create schema payments;
create table payments.products (id int);
alter table payments.products owner to squatter;
create extension payments;
rollback;

-- One that says whose rights are used, above all.
begin;
create role squatter;
create schema payments_registry;
grant create, usage on schema payments_registry to squatter;
set local role squatter;
create table payments_registry.subject_types (subject_type text primary key, members regclass, subject_column text,
  user_column text, role_column text, roles text[], use_roles text[], predicate text, owner text,
  said_by_superuser boolean, use_predicate text, use_owner text, use_said_by_superuser boolean);
insert into payments_registry.subject_types (subject_type, predicate, owner, said_by_superuser)
values ('team', 'public.mine(text,text)', 'postgres', true);
reset role;
create extension payments;
rollback;
-- Given to a superuser, it is still of no installation of ours.
begin;
create schema payments_registry;
create table payments_registry.subject_types (subject_type text);
create extension payments;
rollback;
begin;
create role squatter;
create schema payments_registry;
grant all on schema payments_registry to squatter;
set local role squatter;
create function payments_registry.planted() returns text language sql as $$ select 'planted' $$;
reset role;
create extension payments;
rollback;

-- So is anything else: policies would call a function that stands in the place of ours.
begin;
create role squatter;
create schema payments;
grant all on schema payments to squatter;
set local role squatter;
create function payments.caller() returns text language sql as $$ select 'victim' $$;
create function payments.caller_owns(text, text) returns boolean language sql as $$ select true $$;
reset role;
create extension payments;
rollback;
begin;
create role squatter;
create schema payments;
grant all on schema payments to squatter;
set local role squatter;
create type payments.checkout_session as (id uuid);
create operator payments.= (leftarg = text, rightarg = text, function = pg_catalog.texteq);
reset role;
create extension payments;
rollback;

-- From then on nobody else creates anything there, and what a trusted role left is replaced.
begin;
create role squatter;
create schema payments;
grant all on schema payments to squatter with grant option;
set local role squatter;
grant create on schema payments to public;
reset role;
create function payments.caller() returns text language sql as $$ select 'whoever' $$;
create extension payments;
select has_schema_privilege('squatter', 'payments', 'CREATE') as creates,
       has_schema_privilege('anon', 'payments', 'CREATE') as anyone_creates;
select payments.caller();
rollback;

-- An owner role that could do more than own tables is refused.
begin;
alter role payments_owner login;
create extension payments;
rollback;

begin;
create extension payments;
select count(*) > 10 as tables_are_back from pg_tables where schemaname = 'payments';
rollback;
