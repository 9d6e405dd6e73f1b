-- Which tables are attached and who may bill: the two tables that point to tables of the app follow their names, and
-- the views of them say these as text, whatever the search path is.
set client_min_messages = warning;
create table public.crew (team text, member text);
create table public.sales (id uuid primary key, user_id text, status text, amount bigint, currency text);
select payments.protect_subject_type('team', 'public.crew', 'team', 'member');
select payments.attach('orders', 'public.sales', '{"allow_superuser_owner": true}');
create schema "Shop";
alter table public.crew rename to "Members";
alter table public."Members" set schema "Shop";
alter table public.sales rename to purchases;
set search_path = public, "Shop";
select subject_type, members from payments.subject_types;
select kind, relation, target from payments.attachments;

-- So they do over DROP EXTENSION and CREATE EXTENSION.
drop extension payments;
select subject_type, members from payments.subject_types;
select kind, relation, target from payments.attachments;
create extension payments;
select kind, relation, target from payments.attachments;
insert into "Shop"."Members" values ('t1', 'ada');
begin;
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada"}';
select * from payments.my_subjects('team');
rollback;

-- An admin reads through the views alone, and changes nothing there.
begin;
set local role service_role;
select subject_type, members from payments.subject_types;
select kind, target from payments.attachments;
select * from payments_registry.subject_types;
rollback;
begin;
set local role service_role;
update payments.subject_types set said_by_superuser = true;
rollback;
begin;
set local role authenticated;
select count(*) from payments.attachments;
rollback;

-- One who may read and write all tables finds nothing, there or below.
create role all_data;
grant pg_read_all_data, pg_write_all_data to all_data;
begin;
set local role all_data;
select (select count(*) from payments.subject_types) as types, (select count(*) from payments.attachments) as attached,
       (select count(*) from payments_registry.subject_types) as types_below,
       (select count(*) from payments_registry.attachments) as attached_below;
with said as (update payments.subject_types set said_by_superuser = true returning 1) select count(*) from said;
with gone as (delete from payments.attachments returning 1) select count(*) from gone;
insert into payments_registry.subject_types (subject_type, members, subject_column, user_column, owner)
values ('club', 'public.purchases', 'id', 'user_id', 'postgres');
rollback;
-- Were a view to read with its owner's rights, he would.
begin;
alter view payments.subject_types reset (security_invoker);
set local role all_data;
select count(*) from payments.subject_types;
rollback;
drop role all_data;

-- Who stops being an admin reads nothing.
create role helper;
grant usage on schema payments to helper;
select payments.grant_role('helper', 'admin');
select has_table_privilege('helper', 'payments_registry.attachments', 'SELECT') as may_read,
       (select count(*) from pg_policies where schemaname = 'payments_registry' and 'helper' = any (roles)) as policies;
select payments.revoke_role('helper', 'admin');
select has_table_privilege('helper', 'payments_registry.attachments', 'SELECT') as may_read,
       (select count(*) from pg_policies where schemaname = 'payments_registry' and 'helper' = any (roles)) as policies;
drop owned by helper;
drop role helper;

-- What is granted on the tables below, past row security, is taken back.
create role stranger;
grant all on all tables in schema payments_registry to stranger;
select a.privilege_type from pg_class c cross join lateral aclexplode(c.relacl) a
 where c.oid = 'payments_registry.attachments'::regclass and a.grantee = 'stranger'::regrole order by 1;
drop owned by stranger;
drop role stranger;

-- No type of subject is looked up there, and no kind of table is.
select payments.protect_subject_type('club', 'payments_registry.subject_types', 'subject_type', 'owner');
select payments.attach('orders', 'payments_registry.attachments');

-- Tables that are gone: so the views say, and the doctor, whose fixes mend it.
drop table "Shop"."Members", public.purchases;
select subject_type, members, predicate from payments.subject_types;
select kind, relation, target from payments.attachments;
select check_name, detail, fix from payments.doctor() where check_name in ('attached tables', 'subject types');
select payments.detach_by_name('orders', 'public.sales');
select payments.detach_by_name('orders', 'public.sales');
select payments.unprotect_subject_type('team');
select (select count(*) from payments.subject_types) as types, (select count(*) from payments.attachments) as attached;

-- Who does not own a table detaches it by no name.
create table public.sales (id uuid primary key, user_id text, status text, amount bigint, currency text);
select payments.attach('orders', 'public.sales', '{"allow_superuser_owner": true}');
begin;
set local role service_role;
select payments.detach_by_name('orders', 'public.sales');
rollback;
