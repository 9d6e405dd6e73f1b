-- A role that is recorded after create_app_tables() has what one that was there before has.
set client_min_messages = warning;
create role shop_owner;
grant create on schema public to shop_owner;
select payments.grant_role('shop_owner', 'admin');
set role shop_owner;
select payments.create_app_tables();
-- The app's own table, with a policy of that name, is the app's own affair.
create table public.purchases (id uuid primary key, user_id text, status text, amount bigint, currency text);
alter table public.purchases enable row level security;
create policy admin on public.purchases using (current_user = 'shop_owner');
select payments.attach('orders', 'public.purchases');
insert into public.orders (user_id) values ('ada'), ('bob');
insert into public.user_entitlements (user_id, key, source) values ('ada', 'pro', 'a gift');
reset role;
create view held as
  select r.rolname as role, c.relname as "table", string_agg(a.privilege_type, ' ' order by a.privilege_type) as may
    from pg_class c cross join lateral aclexplode(c.relacl) a join pg_roles r on r.oid = a.grantee
   where c.relnamespace = 'public'::regnamespace and r.rolname like 'late%' group by 1, 2 order by 1, 2;

create role late_admin;
create role late_member;
create role late_guest;
-- An admin who has none of the owner's rights names them: the owner lets in whoever is recorded.
set role service_role;
select payments.grant_role('late_admin', 'admin'), payments.grant_role('late_member', 'member'),
       payments.grant_role('late_guest', 'guest');
reset role;
table held;
begin; set local role late_admin;
select count(*) as orders, (select count(*) from public.user_entitlements) as entitlements from public.orders;
update public.orders set status = 'canceled' where user_id = 'bob';
rollback;
begin; set local role late_member; set local request.jwt.claims = '{"sub": "ada", "role": "late_member"}';
select string_agg(user_id, ',') as orders, (select count(*) from public.user_entitlements) as entitlements
  from public.orders;
rollback;
-- What was given is taken back, but for what the role keeps as something else.
select payments.grant_role('late_admin', 'member'), payments.revoke_role('late_admin', 'admin');
select * from held where role = 'late_admin';
select payments.revoke_role('late_admin', 'member');
select * from held where role = 'late_admin';
-- So it goes with a role that was there before the tables. Who was never recorded keeps what the app gave to it.
create role late_reader;
grant select on public.orders to late_reader;
select payments.revoke_role('late_reader', 'member'), has_table_privilege('late_reader', 'public.orders', 'select');
select payments.revoke_role('authenticated', 'member'),
       has_table_privilege('authenticated', 'public.orders', 'select'),
       has_table_privilege('shop_owner', 'public.orders', 'insert');
-- Without the privilege row security need not be asked.
begin; set local role late_admin; select count(*) from public.orders; rollback;
-- A superuser's table, on his word only.
create schema other;
create role late_too;
set client_min_messages = error;
select payments.create_app_tables('other');
update payments.attachments set superuser_owner = false where target = 'other.orders';
select payments.grant_role('late_too', 'member');
select has_table_privilege('late_too', 'other.orders', 'select') as without,
       has_table_privilege('late_too', 'other.credit_ledger', 'select') as with_it;
