-- Who may bill for what: users, teams of any key type, an app's own predicate.
\set ON_ERROR_ROLLBACK on
begin;
create table public.team_members (team_id uuid, user_id text, role text);
create table public.workspace_members (workspace_id bigint, user_id uuid);
create table public.club_members (club text, member varchar(20));
create table public.tiny_members (tiny smallint, user_id integer);
insert into public.team_members values
  ('11111111-1111-1111-1111-111111111111', 'u1', 'owner'), ('11111111-1111-1111-1111-111111111111', 'u2', 'viewer'),
  ('22222222-2222-2222-2222-222222222222', 'u2', 'billing'), (null, 'u1', 'owner');
insert into public.workspace_members
values (7, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'), (9223372036854775807, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
insert into public.club_members values ('chess', 'u1');
insert into public.tiny_members values (7, 42);

-- Until someone says who may bill for teams, nobody may.
set local role authenticated;
set local request.jwt.claims = '{"sub": "u1"}';
select payments.owns_subject('team', '11111111-1111-1111-1111-111111111111'),
       array(select payments.my_subjects('team'));
select payments.owns_subject('user', 'u1'), payments.owns_subject('user', 'u2'),
       array(select payments.my_subjects('user'));
select payments.owns_subject(null, 'u1'), payments.owns_subject('user', null), array(select payments.my_subjects(null));
-- Only an admin says so.
select payments.protect_subject_type('team', 'public.team_members', 'team_id', 'user_id');
reset role;

select payments.protect_subject_type('team', 'public.team_members', 'team_id', 'user_id', 'role',
                                     array['owner', 'billing']);
select payments.protect_subject_type('workspace', 'public.workspace_members', 'workspace_id', 'user_id');
select payments.protect_subject_type('club', 'public.club_members', 'club', 'member');
select payments.protect_subject_type('tiny', 'public.tiny_members', 'tiny', 'user_id');
select polrelid::regclass, polname, polcmd from pg_policy where polname like 'subject\_type\_team%' order by 1, 2;

set local role authenticated;
select payments.owns_subject('team', '11111111-1111-1111-1111-111111111111') as owner,
       payments.owns_subject('team', '22222222-2222-2222-2222-222222222222') as stranger,
       array(select payments.my_subjects('team')) as mine;
-- A malformed id, or another spelling of a good one, denies; it raises nothing.
select id, payments.owns_subject('team', id)
  from unnest(array['', 'x', '1', '{11111111-1111-1111-1111-111111111111}', '11111111111111111111111111111111',
                    E'\u00e9']) id;
set local request.jwt.claims = '{"sub": "u2"}';
select payments.owns_subject('team', '11111111-1111-1111-1111-111111111111') as viewer,
       payments.owns_subject('team', '22222222-2222-2222-2222-222222222222') as billing;
-- bigint and smallint keys, uuid and integer users. A user id that the column cannot hold belongs to nothing.
select payments.owns_subject('workspace', '7'), array(select payments.my_subjects('workspace'));
set local request.jwt.claims = '{"sub": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"}';
select payments.owns_subject('workspace', '7'), array(select payments.my_subjects('workspace'));
select id, payments.owns_subject('workspace', id)
  from unnest(array['07', '+7', ' 7', '7.0', '9223372036854775807', '9223372036854775808', '-', '1e1']) id;
set local request.jwt.claims = '{"sub": "42"}';
select payments.owns_subject('tiny', '7'), payments.owns_subject('tiny', '70000');
set local request.jwt.claims = '{"sub": "u1"}';
select payments.owns_subject('club', 'chess'), payments.owns_subject('club', 'Chess');
reset role;

-- A renamed membership table is still the same.
alter table public.team_members rename to "Team Members";
create schema moved;
alter table public."Team Members" set schema moved;
set local role authenticated;
select payments.owns_subject('team', '11111111-1111-1111-1111-111111111111');
reset role;
-- A column that is gone, a table that is gone: nobody may.
alter table public.club_members rename column member to "user";
drop table public.tiny_members;
set local role authenticated;
select payments.owns_subject('club', 'chess'), array(select payments.my_subjects('club'));
select payments.owns_subject('tiny', '7'), array(select payments.my_subjects('tiny'));
reset role;

-- The membership table's own row security may ask us: no circle, also where it is forced on the owner.
create role team_keeper;
alter table moved."Team Members" owner to team_keeper;
grant usage on schema moved to authenticated, team_keeper;
grant select on moved."Team Members" to authenticated;
alter table moved."Team Members" enable row level security, force row level security;
create policy members on moved."Team Members" using (team_id::text in (select payments.my_subjects('team')));
set local role authenticated;
select user_id, role from moved."Team Members" order by 1, 2;
select payments.owns_subject('team', '11111111-1111-1111-1111-111111111111'),
       array(select payments.my_subjects('team'));
select public.plan('select * from moved."Team Members"');
reset role;

-- The app's own predicate.
create function public.may_bill(user_id text, subject_id text) returns boolean language plpgsql as $$
begin
  if subject_id = 'null' then return null; end if;
  if subject_id = 'error' then raise exception 'a resolver that errors'; end if;
  if subject_id = 'zero' then return 1 / 0 = 1; end if;
  return user_id = 'u1' and subject_id = 'acme';
end $$;
select payments.protect_subject_type('organization', 'public.may_bill(text,text)');
set local role authenticated;
select id, payments.owns_subject('organization', id) from unnest(array['acme', 'other', 'null', 'error', 'zero']) id;
select array(select payments.my_subjects('organization')) as none_is_known_yet;
select subject_id from payments.create_checkout_session('test', 'subscription', '[{"price": "p", "quantity": 1}]',
  'https://app.example.com/paid', 'https://app.example.com/cart', 'organization', 'acme');
select array(select payments.my_subjects('organization'));
select payments.create_checkout_session('test', 'subscription', '[{"price": "p", "quantity": 1}]',
  'https://app.example.com/paid', 'https://app.example.com/cart', 'organization', 'error');
reset role;
-- It is missing: nobody may.
alter function public.may_bill(text, text) rename to may_bill_no_more;
set local role authenticated;
select payments.owns_subject('organization', 'acme'), array(select payments.my_subjects('organization'));
reset role;

-- Forgotten, the type is refused again, and its policies are gone.
select payments.unprotect_subject_type('team'), payments.unprotect_subject_type('nothing');
select count(*) from pg_policy where polname like 'subject\_type\_team%';
set local role authenticated;
select payments.owns_subject('team', '11111111-1111-1111-1111-111111111111');
reset role;

-- What cannot be registered.
select payments.protect_subject_type('user', 'public.club_members', 'club', 'user');
select payments.protect_subject_type(' ', 'public.club_members', 'club', 'user');
select payments.protect_subject_type('club', 'public.club_members', 'club', 'nobody');
select payments.protect_subject_type('club', 'public.club_members', 'club', null);
select payments.protect_subject_type('club', 'public.club_members', 'club', 'user', 'role');
select payments.protect_subject_type('club', 'public.club_members', 'club', 'user', 'club', array[]::text[]);
select payments.protect_subject_type('club', 'pg_catalog.pg_authid', 'rolpassword', 'rolname');
select payments.protect_subject_type('club', 'payments_secret.webhook_secrets', 'secret', 'environment');
select payments.protect_subject_type('club', null, 'club', 'user');
select payments.protect_subject_type('organization', 'pg_catalog.lower(text)');
select payments.protect_subject_type('organization', 'pg_catalog.texteq(text,text)');
-- An admin registers what he may read himself, and a predicate of his own.
create table public.private_members (team_id text, user_id text);
create role private_owner;
alter table public.private_members owner to private_owner;
create function public.of_a_superuser(text, text) returns boolean language sql as 'select true';
set local role project_admin;
select payments.protect_subject_type('team', 'public.private_members', 'team_id', 'user_id');
select payments.protect_subject_type('team', 'public.of_a_superuser(text,text)');
reset role;
grant select on public.private_members to project_admin;
set local role project_admin;
select payments.protect_subject_type('team', 'public.private_members', 'team_id', 'user_id');
reset role;
alter table public.private_members enable row level security;
set local role project_admin;
select payments.protect_subject_type('team', 'public.private_members', 'team_id', 'user_id');
rollback;

-- A predicate in a schema that payments_owner may not use is found all the same, and one in a schema that its own owner
-- may not use denies. Neither keeps anyone from reading what is his.
begin;
create role spec_owner;
create schema private;
create function private.may_bill(user_id text, subject_id text) returns boolean language sql as $$ select $1 = 'u1' $$;
create function private.cannot_run(user_id text, subject_id text) returns boolean language sql as $$ select true $$;
alter function private.cannot_run(text, text) owner to spec_owner;
select payments.protect_subject_type('shop', 'private.may_bill(text,text)');
select payments.protect_subject_type('stall', 'private.cannot_run(text,text)');
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
select 'test', 'payment', w, 's1', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/'
  from unnest(array['shop', 'stall']) w;
set local role authenticated;
set local request.jwt.claims = '{"sub": "u1"}';
select subject_type from payments.checkout_sessions;
select payments.owns_subject('shop', 's1') as shop, payments.owns_subject('stall', 's1') as stall,
       array(select payments.my_subjects('shop')) as shops;
set local request.jwt.claims = '{"sub": "u2"}';
select count(*) from payments.checkout_sessions;
rollback;

-- An error denies in a query that would rather run in parallel, too: workers have no savepoints.
begin;
create function public.errs(user_id text, subject_id text) returns boolean language plpgsql parallel safe as $$
  begin raise exception 'oops'; end $$;
select payments.protect_subject_type('errs', 'public.errs(text,text)');
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
values ('test', 'payment', 'errs', 'e1', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/');
create table public.things as select n::text as owner from generate_series(1, 10000) n;
grant select on public.things to authenticated;
analyze public.things;
set local parallel_setup_cost = 0;
set local parallel_tuple_cost = 0;
set local min_parallel_table_scan_size = 0;
set local role authenticated;
set local request.jwt.claims = '{"sub": "u1"}';
select public.plan($$select count(*) from public.things where owner in (select payments.my_subjects('errs'))$$);
select count(*) from public.things where owner in (select payments.my_subjects('errs'));
select count(*) from public.things where payments.owns_subject('errs', owner);
select count(*) from payments.checkout_sessions;
rollback;
