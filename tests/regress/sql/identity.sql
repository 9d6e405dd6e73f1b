-- Who is asking: claims count only where the role that logged in is a gateway.
\set ON_ERROR_ROLLBACK on
\pset null 'nobody'
begin;
set local role authenticated;
select payments.current_user_id();
-- The older style, a setting for each claim, where the newer is not set at all.
set local request.jwt.claim.sub = 'u0';
select payments.current_user_id();
set local request.jwt.claim.role = 'anon';
select payments.current_user_id();
set local request.jwt.claim.role = 'authenticated';
select payments.current_user_id();
-- The whole set stands above the single claim, and what it does not say is said nowhere.
set local request.jwt.claims = '{"sub": "u1", "role": "authenticated"}';
select payments.current_user_id();
set local request.jwt.claim.sub = 'u2';
select payments.current_user_id();
set local request.jwt.claims = '{"role": "authenticated"}';
select payments.current_user_id();
-- Pooled connections leave empty strings behind.
set local request.jwt.claims = '';
select payments.current_user_id();
set local request.jwt.claim.sub = '';
select payments.current_user_id();
set local request.jwt.claims = '{"sub": ""}';
select payments.current_user_id();
set local request.jwt.claims = '{"sub": 42}';
select payments.current_user_id();
set local request.jwt.claims = '{"sub": 123456789012345678901234567890}';
select payments.current_user_id();
-- What is no claim is nobody, and raises nothing.
set local request.jwt.claims = 'sub=u1';
select payments.current_user_id();
set local request.jwt.claims = '{"sub": {"sub": "u1"}}';
select payments.current_user_id();
set local request.jwt.claims = '["u1"]';
select payments.current_user_id();
set local request.jwt.claim.sub = 'u2';
set local request.jwt.claims = '{"sub": "u1\u0000"}';
select payments.current_user_id(), payments.owns_subject('user', 'u1'),
       (select count(*) from payments.my_subjects('user'));
rollback;

-- A visitor's claims are nobody's, whatever their sub: some backends give all visitors the same one. So are those of a
-- role that was granted as a guest and as nothing else.
create role identity_visitor nologin;
create role identity_both nologin;
select payments.grant_role('identity_visitor', 'guest'), payments.grant_role('identity_both', 'guest'),
       payments.grant_role('identity_both', 'member');
begin;
create function pg_temp.who(claims text) returns text language sql as $$
  select set_config('request.jwt.claims', claims, true); select payments.current_user_id() $$;
select pg_temp.who('{"sub": "u1", "role": "anon"}'), pg_temp.who('{"sub": "u1", "role": "identity_visitor"}'),
       pg_temp.who('{"sub": "u1", "role": "identity_both"}'),
       pg_temp.who('{"sub": "u1", "role": "authenticated"}'), pg_temp.who('{"sub": "u1", "role": "no such role"}'),
       pg_temp.who('{"sub": "u1", "role": 7}'), pg_temp.who('{"sub": "u1"}');
-- What is granted meanwhile counts at once, and no longer when it is undone.
savepoint here;
select payments.grant_role('identity_visitor', 'member');
select pg_temp.who('{"sub": "u1", "role": "identity_visitor"}');
rollback to here;
select pg_temp.who('{"sub": "u1", "role": "identity_visitor"}');
-- Such a visitor is a guest: his session is nobody's, and no other visitor sees it.
set local role anon;
select set_config('request.jwt.claims', '{"sub": "u1", "role": "anon"}', true) is null as set;
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url)
values ('test', 'payment', '[{"price": "price_a", "quantity": 1}]', 'https://a.example', 'https://a.example')
returning created_by, guest;
select payments.owns_subject('user', 'u1'), (select count(*) from payments.my_subjects('user'));
rollback;
drop owned by identity_visitor, identity_both;
drop role identity_visitor, identity_both;
delete from payments.granted_roles where role in ('identity_visitor', 'identity_both');

-- Someone who logs in directly and sets claims is nobody.
create role identity_direct login;
grant authenticated to identity_direct;
\c - identity_direct
set request.jwt.claims = '{"sub": "u1"}';
set request.jwt.claim.sub = 'u1';
select payments.current_user_id(), payments.owns_subject('user', 'u1'),
       (select count(*) from payments.my_subjects('user'));
set role authenticated;
select payments.current_user_id();
-- A gateway that did the same is believed.
\c - postgres
create role identity_gateway login noinherit;
grant authenticated to identity_gateway;
select payments.grant_role('identity_gateway', 'gateway');
\c - identity_gateway
set role authenticated;
set request.jwt.claims = '{"sub": "u1"}';
select payments.current_user_id();
\c - authenticator
set role authenticated;
set request.jwt.claims = '{"sub": "u1"}';
select payments.current_user_id();
\c - postgres
select payments.revoke_role('identity_gateway', 'gateway');
drop role identity_direct;
select payments.grant_role('identity_gateway', 'owner');
select payments.grant_role('payments_owner', 'guest');
drop owned by identity_gateway;
drop role identity_gateway;
