-- create_app_tables() takes over nothing of another role's.
\set ON_ERROR_ROLLBACK on
set client_min_messages = notice;
create role squatter;
create role app_role;
create role app_member;
grant project_admin to app_member;
select payments.grant_role('app_role', 'admin'), payments.grant_role('app_member', 'admin');
grant usage, create on schema public to squatter, app_role, app_member, project_admin;

-- Whoever may create in the schema was there first, with the right columns: a superuser, and an admin, are told.
set role squatter;
create table public.orders (id uuid primary key default gen_random_uuid(), user_id text, status text, amount bigint,
                            currency text);
reset role;
select payments.create_app_tables();
set role project_admin;
select payments.create_app_tables();
reset role;
select count(*) as attached from payments.attachments;
-- A view, a sequence, an index or a type of that name, also of the third table: nothing is made then.
drop table public.orders;
set role squatter;
create view public.user_entitlements as select 1 as id;
reset role;
select payments.create_app_tables();
drop view public.user_entitlements;
set role squatter;
create sequence public.user_entitlements;
reset role;
select payments.create_app_tables();
drop sequence public.user_entitlements;
set role squatter;
create type public.user_entitlements as enum ('one');
reset role;
select payments.create_app_tables();
drop type public.user_entitlements;
-- One's own is no table either.
create sequence public.orders;
select payments.create_app_tables();
drop sequence public.orders;
create type public.orders as enum ('one');
select payments.create_app_tables();
drop type public.orders;
create domain public.orders as text;
select payments.create_app_tables();
drop domain public.orders;
select count(*) as attached from payments.attachments;
-- A sequence in the way of an identity column's is none: that takes another name.
set role squatter;
create sequence public.credit_ledger_id_seq;
reset role;
begin; select payments.create_app_tables(); rollback;

-- A schema of somebody else's, who may drop what is in it.
create schema theirs authorization squatter;
grant usage, create on schema theirs to project_admin;
set role project_admin;
select payments.create_app_tables('theirs');
reset role;
begin; select payments.create_app_tables('theirs'); rollback;
create schema own authorization project_admin;
create schema of_a_superuser;
grant usage, create on schema of_a_superuser, own to project_admin, app_member;
begin; set local role project_admin; select payments.create_app_tables('own'); rollback;
begin; set local role project_admin; select payments.create_app_tables('of_a_superuser'); rollback;

-- The tables of a role that one is a member of are attached; those of one whose rights one has only as a superuser are
-- not.
create table own.orders (id uuid primary key default gen_random_uuid(), user_id text, status text, amount bigint,
                         currency text);
alter table own.orders owner to project_admin;
select payments.create_app_tables('own');
set role app_member;
select payments.create_app_tables('own');
reset role;
select a.kind, a.relation, c.relowner::regrole, a.superuser_owner
  from payments.attachments a join pg_class c on c.oid = a.target::regclass order by 1, 2;
-- What is attached stays so, whoever calls.
select payments.create_app_tables('own');
set role app_role;
select payments.create_app_tables('own');
reset role;
-- The one table of another's that an admin attached himself is no surprise either.
create schema mixed;
grant usage, create on schema mixed to app_role;
set role app_role;
create table mixed.orders (id uuid primary key default gen_random_uuid(), user_id text, status text, amount bigint,
                           currency text);
select payments.attach('orders', 'mixed.orders');
reset role;
select payments.create_app_tables('mixed');
select a.kind, a.relation, c.relowner::regrole, a.superuser_owner
  from payments.attachments a join pg_class c on c.oid = a.target::regclass
 where a.relation like 'mixed.%' order by 1, 2;
