-- Who is asking: claims count only where the role that logged in is a gateway.
\set ON_ERROR_ROLLBACK on
\pset null 'nobody'
begin;
set local role authenticated;
select payments.current_user_id();
-- Both styles; the whole set stands above the single claim.
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
select payments.current_user_id(), payments.owns_subject('user', 'u1'), (select count(*) from payments.my_subjects('user'));
rollback;

-- Someone who logs in directly and sets claims is nobody.
create role identity_direct login;
grant authenticated to identity_direct;
\c - identity_direct
set request.jwt.claims = '{"sub": "u1"}';
set request.jwt.claim.sub = 'u1';
select payments.current_user_id(), payments.owns_subject('user', 'u1'), (select count(*) from payments.my_subjects('user'));
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
revoke usage on schema payments from identity_gateway;
revoke execute on function payments.gateway() from identity_gateway;
drop role identity_direct;
select payments.grant_role('identity_gateway', 'owner');
select payments.grant_role('payments_owner', 'guest');
drop owned by identity_gateway;
drop role identity_gateway;
