-- Statements of an existing backend, as it sends them: under SET LOCAL ROLE and the single claims, each flow in a
-- transaction.
\set ON_ERROR_ROLLBACK on
create table public.team_members (team_id uuid, user_id text);
insert into public.team_members values ('11111111-1111-1111-1111-111111111111', 'u1');
select payments.protect_subject_type('team', 'public.team_members', 'team_id', 'user_id');
create role backend_login login noinherit;
grant authenticated, anon, project_admin to backend_login;
select payments.grant_role('backend_login', 'gateway');
\c - backend_login

-- A checkout with a given id, an idempotency key and the metadata that the row implies.
begin;
set local role authenticated;
select set_config('request.jwt.claim.sub', 'u1', true), set_config('request.jwt.claim.role', 'authenticated', true),
       set_config('request.jwt.claim.email', 'u1@example.com', true);
insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, customer_email,
                                        line_items, success_url,
    cancel_url, idempotency_key, metadata)
values ('00000000-0000-4000-8000-000000000001', 'test', 'subscription', 'initialized', 'team',
        '11111111-1111-1111-1111-111111111111',
    'u1@example.com', '[{"stripePriceId": "price_1", "quantity": 1}]',
    'https://app.example.com/paid?s={CHECKOUT_SESSION_ID}',
    'https://app.example.com/cart', 'cart-1',
    '{"insforge_checkout_mode": "subscription", "insforge_subject_type": "team",
    "insforge_subject_id": "11111111-1111-1111-1111-111111111111",
    "insforge_checkout_session_id": "00000000-0000-4000-8000-000000000001"}')
on conflict (environment, idempotency_key) where idempotency_key is not null do nothing;
select id, status, created_by from payments.checkout_sessions
 where environment = 'test' and idempotency_key = 'cart-1' and mode = 'subscription'
   and subject_type is not distinct from 'team'
   and subject_id is not distinct from '11111111-1111-1111-1111-111111111111'
   and customer_email is not distinct from 'u1@example.com'
   and line_items is not distinct from '[{"stripePriceId": "price_1", "quantity": 1}]'::jsonb;
commit;

-- Sent again with an id of its own: the first row stands.
begin;
set local role authenticated;
select set_config('request.jwt.claim.sub', 'u1', true);
insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, line_items,
                                        success_url, cancel_url, idempotency_key)
values ('00000000-0000-4000-8000-000000000002', 'test', 'subscription', 'initialized', 'team',
        '11111111-1111-1111-1111-111111111111',
    '[{"stripePriceId": "price_1", "quantity": 1}]', 'https://app.example.com/paid', 'https://app.example.com/cart',
    'cart-1')
on conflict (environment, idempotency_key) where idempotency_key is not null do nothing returning id;
select id from payments.checkout_sessions where environment = 'test' and idempotency_key = 'cart-1';
commit;

-- Another caller with the same key: his own row, by the same statements.
begin;
set local role authenticated;
select set_config('request.jwt.claim.sub', 'u2', true);
select count(*) as nothing_to_see from payments.checkout_sessions
 where environment = 'test' and idempotency_key = 'cart-1';
insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, line_items,
                                        success_url, cancel_url, idempotency_key)
values ('00000000-0000-4000-8000-000000000003', 'test', 'payment', 'initialized', 'user', 'u2',
    '[{"stripePriceId": "price_1", "quantity": 1}]', 'https://app.example.com/paid', 'https://app.example.com/cart',
    'cart-1')
on conflict (environment, idempotency_key) where idempotency_key is not null do nothing;
select id, subject_id from payments.checkout_sessions where environment = 'test' and idempotency_key = 'cart-1';
commit;

-- A guest.
begin;
set local role anon;
select set_config('request.jwt.claim.sub', '', true), set_config('request.jwt.claim.role', 'anon', true);
insert into payments.checkout_sessions (id, environment, mode, status, customer_email, line_items, success_url,
                                        cancel_url, idempotency_key, metadata)
values ('00000000-0000-4000-8000-000000000004', 'test', 'payment', 'initialized', null,
        '[{"stripePriceId": "price_1", "quantity": 1}]',
    'https://app.example.com/paid', 'https://app.example.com/cart', 'cart-1',
    '{"insforge_checkout_mode": "payment", "insforge_checkout_session_id": "00000000-0000-4000-8000-000000000004"}')
on conflict (environment, idempotency_key) where idempotency_key is not null do nothing;
select id from payments.checkout_sessions where environment = 'test' and idempotency_key = 'cart-1'
   and subject_id is not distinct from null;
commit;
begin;
set local role anon;
select count(*) as guests_see_no_other_guest from payments.checkout_sessions;
commit;

-- Then, as admin: what Stripe answered.
begin;
set local role project_admin;
update payments.checkout_sessions
   set status = 'open', stripe_checkout_session_id = 'cs_test_1', stripe_customer_id = 'cus_1',
       payment_status = 'unpaid',
       url = 'https://checkout.stripe.com/c/pay/cs_test_1', raw = '{"id": "cs_test_1"}',
       metadata = metadata || '{"insforge_x": "y"}'
 where id = '00000000-0000-4000-8000-000000000001' returning status, url;
update payments.checkout_sessions set status = 'failed', last_error = 'No such price'
 where id = '00000000-0000-4000-8000-000000000003' returning status, last_error;
select stripe_customer_id from payments.stripe_customer_mappings
 where environment = 'test' and subject_type = 'team' and subject_id = '11111111-1111-1111-1111-111111111111';
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'team', '11111111-1111-1111-1111-111111111111', 'cus_1')
on conflict (environment, subject_type, subject_id)
  do update set stripe_customer_id = excluded.stripe_customer_id, updated_at = now()
returning stripe_customer_id;
commit;

-- The portal: inserted by the caller, looked up and moved on by the admin; a failed attempt is kept.
begin;
set local role authenticated;
select set_config('request.jwt.claim.sub', 'u1', true);
insert into payments.customer_portal_sessions (id, environment, status, subject_type, subject_id, return_url,
    configuration_id)
values ('00000000-0000-4000-8000-000000000005', 'test', 'initialized', 'team', '11111111-1111-1111-1111-111111111111',
        'https://app.example.com/', null)
returning status, created_by;
insert into payments.customer_portal_sessions (id, environment, status, subject_type, subject_id)
values ('00000000-0000-4000-8000-000000000006', 'test', 'initialized', 'user', 'u1');
commit;
begin;
set local role project_admin;
update payments.customer_portal_sessions
   set status = 'created', stripe_customer_id = 'cus_1', url = 'https://billing.stripe.com/p/session/x',
       raw = '{"id": "bps_1"}' where id = '00000000-0000-4000-8000-000000000005' returning status;
update payments.customer_portal_sessions set status = 'failed', last_error = 'no customer'
 where id = '00000000-0000-4000-8000-000000000006' returning status;
commit;
-- Who may bill for the team sees its sessions, their URLs too; a stranger sees none.
begin;
set local role authenticated;
select set_config('request.jwt.claim.sub', 'u1', true);
select status, url from payments.checkout_sessions order by id;
select status, url from payments.customer_portal_sessions order by id;
select set_config('request.jwt.claim.sub', 'u3', true);
select count(*) from payments.checkout_sessions;
select count(*) from payments.customer_portal_sessions;
commit;
\c - postgres
drop owned by backend_login;
drop role backend_login;
