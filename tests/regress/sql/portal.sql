-- Opening the portal: signed in, one's own subject, a customer of Stripe's.
\set ON_ERROR_ROLLBACK on
begin;
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id) values
  ('test', 'user', 'u1', 'cus_1'), ('live', 'user', 'u1', 'cus_live');
set local role authenticated;
set local request.jwt.claims = '{"sub": "u1"}';
select environment, status, subject_type, subject_id, stripe_customer_id, return_url, configuration_id, created_by
  from payments.create_customer_portal_session('test', 'user', 'u1', 'https://app.example.com/', 'bpc_1');
select count(*) from payments.customer_portal_sessions;
select payments.create_customer_portal_session('prod', 'user', 'u1');
select payments.create_customer_portal_session('live', 'user', 'u1');
select payments.create_customer_portal_session('test', 'user', null);
select payments.create_customer_portal_session('test', null, null);
select payments.create_customer_portal_session('test', 'user', 'u1', 'app.example.com');
select payments.create_customer_portal_session('test', 'user', 'u1', 'https://app.example.com/?k=sk_live_abc');
select payments.create_customer_portal_session('test', 'user', 'u1', null, 'whsec_abc');
select payments.create_customer_portal_session('sk_live_x', 'user', 'u1');
-- A subject without a customer; and one of another caller, of whom nothing is told.
set local request.jwt.claims = '{"sub": "u2"}';
select payments.create_customer_portal_session('test', 'user', 'u2');
select payments.create_customer_portal_session('test', 'user', 'u1');
select payments.create_customer_portal_session('test', 'team', 't1');
select count(*) from payments.customer_portal_sessions;
-- Nobody.
set local request.jwt.claims = '';
select payments.create_customer_portal_session('test', 'user', 'u1');
set local role anon;
select payments.create_customer_portal_session('test', 'user', 'u1');
insert into payments.customer_portal_sessions (environment, subject_type, subject_id) values ('test', 'user', 'u1');
rollback;
