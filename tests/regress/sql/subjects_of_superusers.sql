-- What a superuser owns is looked up for nobody, unless a superuser says so: when it is registered, and at every use.
\set ON_ERROR_ROLLBACK on
set client_min_messages = warning;
begin;
create role app_owner;
create role somebody;
create role boss superuser;
grant usage, create on schema public to app_owner, somebody, project_admin;
-- Whatever of the app's runs leaves a line here.
create table public.canary (what text, ran_as name);
grant select, insert, delete on public.canary to public;
create function public.harm() returns table (what text, ran_as name) language sql as $$
  delete from public.canary c returning c.what, c.ran_as
$$;
create function public.asked(kind text) returns text[] language sql as $$
  select array(select payments.my_subjects(kind) order by 1) $$;

set local role app_owner;
create function public.spy(what text) returns text language plpgsql as $$
begin
  if not exists (select from public.canary c where (c.what, c.ran_as) = (spy.what, current_user)) then
    insert into public.canary values (what, current_user);
  end if;
  return what;
end $$;
create type public.team_role as enum ('owner', 'guest');
create function public.role_text(public.team_role) returns text language sql as $$
  select case when public.spy('cast') <> '' then 'owner' end $$;
create cast (public.team_role as text) with function public.role_text(public.team_role);
reset role;

create table public.members (team_id text, user_id text, role public.team_role);
insert into public.members values ('t1', 'ada', 'owner'), ('t2', 'ada', 'guest');
create view public.members_v as select public.spy(team_id) as team_id, user_id from public.members;
create materialized view public.members_m as select team_id, user_id from public.members;
create table public.members_p (team_id text, user_id text) partition by list (team_id);
create table public.members_p1 partition of public.members_p for values in ('t1');
alter table public.members_p owner to app_owner;
create foreign data wrapper nothing;
create server nowhere foreign data wrapper nothing;
create foreign table public.members_f (team_id text, user_id text) server nowhere;
grant select on all tables in schema public to project_admin;

-- No admin registers what a superuser owns, though he may read it.
set local role project_admin;
select payments.protect_subject_type('team', 'public.members', 'team_id', 'user_id', 'role', array['owner']);
select payments.protect_subject_type('team', 'public.members_v', 'team_id', 'user_id');
select payments.protect_subject_type('team', 'public.members_m', 'team_id', 'user_id');
select payments.protect_subject_type('team', 'public.members_p1', 'team_id', 'user_id');
select payments.protect_subject_type('team', 'public.members_f', 'team_id', 'user_id');
reset role;
select count(*) as registered from payments.subject_types;
select * from harm();

-- A superuser may; what a view calls runs as him then, on his word. A cast of the app's is not called even so.
select payments.protect_subject_type('view', 'public.members_v', 'team_id', 'user_id');
select payments.protect_subject_type('team', 'public.members', 'team_id', 'user_id', 'role', array['owner']);
select payments.protect_subject_type('role', 'public.members', 'role', 'user_id');
select subject_type, owner, said_by_superuser from payments.subject_types order by 1;
set local request.jwt.claims = '{"sub": "ada"}';
set local role authenticated;
select asked('view') as by_view, asked('team') as by_role, asked('role') as by_type;
select * from harm();
reset role;
-- The control: what a plain comparison with a text calls.
select array_agg(distinct role::text) from public.members;
select * from harm();

-- The word was for that superuser, as long as he owns it.
alter table public.members owner to boss;
set local role authenticated;
select asked('team') as another_superuser, payments.owns_subject('team', 't1');
reset role;
alter table public.members owner to postgres;
set local role authenticated;
select asked('team') as the_same_superuser;
reset role;

-- What the app owns needs no word, also where its owner is a member of a superuser's role.
create view public.apps_v as select team_id, user_id, public.spy('view')  from public.members
 where public.spy('view') <> '';
alter view public.apps_v owner to app_owner;
grant select on public.members to app_owner;
grant select on public.apps_v to project_admin;
grant boss to app_owner;
set local role project_admin;
select payments.protect_subject_type('club', 'public.apps_v', 'team_id', 'user_id');
select payments.protect_subject_type('part', 'public.members_p', 'team_id', 'user_id');
reset role;
select owner, said_by_superuser from payments.subject_types where subject_type = 'club';
set local role authenticated;
select asked('club');
select * from harm();
reset role;
-- It comes to a superuser later, or its owner becomes one: it is looked up no more, until that is undone or a superuser
-- says so.
alter view public.apps_v owner to postgres;
set local role authenticated;
select asked('club') as given_away, payments.owns_subject('club', 't1');
select * from harm();
reset role;
alter view public.apps_v owner to app_owner;
set local role authenticated;
select asked('club') as given_back;
select * from harm();
reset role;
alter role app_owner superuser;
set local role authenticated;
select asked('club') as owner_rose, payments.owns_subject('club', 't1');
select * from harm();
reset role;
alter role app_owner nosuperuser;
-- A superuser's word for what the app owns is none for the time when a superuser does.
select payments.protect_subject_type('club', 'public.apps_v', 'team_id', 'user_id');
alter view public.apps_v owner to postgres;
set local role authenticated;
select asked('club') as said_before;
select * from harm();
reset role;

-- A table is attached by the same rule. The owner of one cannot say beforehand that a superuser may own it.
create table public.purchases (id text primary key, user_id text, status text, amount bigint, currency text);
alter table public.purchases owner to project_admin;
set local role project_admin;
select payments.attach('orders', 'public.purchases', '{"allow_superuser_owner": true}');
select payments.attach('orders', 'public.purchases');
reset role;
select superuser_owner from payments.attachments;
select payments.attach('orders', 'public.purchases', '{"allow_superuser_owner": true}');
select superuser_owner from payments.attachments;
-- His own word after that takes it back.
set local role project_admin;
select payments.attach('orders', 'public.purchases');
reset role;
select superuser_owner from payments.attachments;
rollback;

-- A predicate is its owner's: a namesake of another's is none, nor is one that changed hands.
begin;
create role app_owner;
create role somebody;
grant project_admin to app_owner;
grant usage, create on schema public to app_owner, somebody;
create table public.canary (ran_as name);
grant all on public.canary to public;
create function public.asked(kind text) returns text[] language sql as $$
  select array(select payments.my_subjects(kind) order by 1) $$;
set local role app_owner;
create function public.may_bill(user_id text, subject_id text) returns boolean language plpgsql as $$
begin insert into public.canary values (current_user); return user_id = 'ada'; end $$;
select payments.protect_subject_type('shop', 'public.may_bill(text,text)');
reset role;
select subject_type, predicate, owner, said_by_superuser from payments.subject_types;
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
values ('test', 'payment', 'shop', 's1', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/');
set local request.jwt.claims = '{"sub": "ada"}';
set local role authenticated;
select payments.owns_subject('shop', 's1'), asked('shop'),
       (select count(*) from payments.checkout_sessions) as sessions;
reset role;
-- Dropped, and its name taken by somebody else.
drop function public.may_bill(text, text);
set local role somebody;
create function public.may_bill(user_id text, subject_id text) returns boolean language sql security definer as $$
  insert into public.canary values (current_user) returning true $$;
grant execute on function public.may_bill(text, text) to public;
delete from public.canary;
set local role authenticated;
select payments.owns_subject('shop', 's1') as somebody_elses, asked('shop'),
       (select count(*) from payments.checkout_sessions) as sessions;
select * from public.canary;
reset role;
-- Made again by its owner it counts again.
drop function public.may_bill(text, text);
set local role app_owner;
create function public.may_bill(user_id text, subject_id text) returns boolean language plpgsql as $$
begin insert into public.canary values (current_user); return user_id = 'ada'; end $$;
set local role authenticated;
select payments.owns_subject('shop', 's1') as made_again;
select distinct * from public.canary;
delete from public.canary;
reset role;
-- It changes hands: to somebody, to a superuser, security definer or not. A new call says that it counts.
alter function public.may_bill(text, text) owner to somebody;
set local role authenticated;
select payments.owns_subject('shop', 's1') as given_away;
reset role;
alter function public.may_bill(text, text) owner to postgres;
set local role authenticated;
select payments.owns_subject('shop', 's1') as a_superusers;
reset role;
alter function public.may_bill(text, text) security definer;
set local role authenticated;
select payments.owns_subject('shop', 's1') as security_definer;
select * from public.canary;
reset role;
set local role project_admin;
select payments.protect_subject_type('shop', 'public.may_bill(text,text)');
reset role;
select payments.protect_subject_type('shop', 'public.may_bill(text,text)');
select owner, said_by_superuser from payments.subject_types;
set local role authenticated;
select payments.owns_subject('shop', 's1') as on_a_superusers_word;
select distinct * from public.canary;
delete from public.canary;
reset role;
-- Its owner becomes a superuser.
alter function public.may_bill(text, text) owner to app_owner;
set local role app_owner;
select payments.protect_subject_type('shop', 'public.may_bill(text,text)');
reset role;
alter role app_owner superuser;
set local role authenticated;
select payments.owns_subject('shop', 's1') as owner_rose;
select * from public.canary;
reset role;
-- An admin who is a member of a superuser's role is no superuser.
alter role app_owner nosuperuser;
create role boss superuser;
grant boss to project_admin;
alter function public.may_bill(text, text) owner to boss;
set local role project_admin;
select payments.protect_subject_type('shop', 'public.may_bill(text,text)');
reset role;
revoke boss from project_admin;
-- One of the same name with other arguments is another function; an error in one answer is none in the others.
set local role app_owner;
create function public.may_bill(user_id text, subject_id varchar) returns boolean language sql as $$ select true $$;
create function public.some_bill(user_id text, subject_id text) returns boolean language plpgsql as $$
begin if subject_id = 's1' then raise exception 'not this one'; end if; return nullif(subject_id, 's0') <> 's3'; end $$;
select payments.protect_subject_type('some', 'public.some_bill(text,text)');
reset role;
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
select 'test', 'payment', 'some', 's' || n, '[{"price": "p", "quantity": 1}]', 'https://a.example/',
       'https://a.example/' from generate_series(0, 4) n;
set local role authenticated;
select payments.owns_subject('shop', 's1') as other_arguments, asked('some');
rollback;
-- A view is asked with its owner's rights, so one that has its reader's is refused, and so is what reads through such a
-- one.
begin;
create role app_owner;
grant usage, create on schema public to app_owner;
create function public.asked(kind text) returns text[] language sql as $$
  select array(select payments.my_subjects(kind) order by 1) $$;
set local role app_owner;
create table public.members (team_id text, user_id text);
insert into public.members values ('t1', 'ada');
create view public.invoked with (security_invoker) as select * from public.members;
create view public.through as select * from public.invoked;
create view public.plain as select * from public.members;
create view public.over as select * from public.plain;
grant select on public.invoked, public.through, public.over to project_admin;
set local role project_admin;
select payments.protect_subject_type('team', 'public.invoked', 'team_id', 'user_id');
select payments.protect_subject_type('team', 'public.through', 'team_id', 'user_id');
-- Nor is a view registered by who may not read it.
select payments.protect_subject_type('team', 'public.plain', 'team_id', 'user_id');
select payments.protect_subject_type('team', 'public.over', 'team_id', 'user_id');
set local request.jwt.claims = '{"sub": "ada"}';
set local role authenticated;
select asked('team');
-- Altered later it is asked no more: neither if it is the view itself nor one below.
set local role app_owner;
alter view public.over set (security_invoker = true);
set local role authenticated;
select asked('team') as itself, payments.owns_subject('team', 't1');
set local role app_owner;
alter view public.over reset (security_invoker);
set local role authenticated;
select asked('team') as as_before;
set local role app_owner;
alter view public.plain set (security_invoker = on);
set local role authenticated;
select asked('team') as one_below, payments.owns_subject('team', 't1');
set local role app_owner;
alter view public.plain set (security_invoker = off);
set local role authenticated;
select asked('team') as as_before;
set local role app_owner;
create or replace view public.over as select * from public.invoked;
set local role authenticated;
select asked('team') as another_one_below;
-- The right to read a table in a schema that one may not use is none.
reset role;
create schema hidden;
create table hidden.members (team_id text, user_id text);
alter table hidden.members owner to app_owner;
grant select on hidden.members to project_admin;
select 'hidden.members'::regclass::oid as hidden \gset
set local role project_admin;
select payments.protect_subject_type('team', :hidden, 'team_id', 'user_id');
rollback;
