-- How many sessions a member may have open at once.
\set ON_ERROR_ROLLBACK on
-- What loads the library.
select payments.metadata_prefix();
show payments.max_open_sessions;
begin;
set local payments.max_open_sessions = 3;
create function public.ask(key text default null) returns text language sql as $$
  select status
    from payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/',
                                          'https://a.example/',
    case when payments.current_user_id() is not null then 'user' end, payments.current_user_id(),
    idempotency_key => key) $$;
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada"}';
-- Only a superuser sets it.
set local payments.max_open_sessions = 0;
select ask('first'), ask(), ask();
select ask();
-- The same request again is no new one; nor is another's, or without a key, one of his.
select ask('first');
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url, idempotency_key)
values ('test', 'payment', 'user', 'ada', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/',
        'first')
on conflict (environment, idempotency_key) where idempotency_key is not null do nothing;
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
values ('test', 'payment', 'user', 'ada', '[{"price": "p", "quantity": 1}]', 'https://a.example/',
        'https://a.example/');
set local request.jwt.claims = '{"sub": "eve"}';
-- Many in one statement count as they come.
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
select 'test', 'payment', 'user', 'eve', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/'
  from generate_series(1, 4);
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
select 'test', 'payment', 'user', 'eve', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/'
  from generate_series(1, 3);
-- What was undone is not counted.
set local request.jwt.claims = '{"sub": "bob"}';
savepoint undone;
select ask(), ask(), ask();
rollback to undone;
select ask(), ask(), ask();
-- What is over is open no more, nor what is older than Stripe keeps it.
reset role;
update payments.checkout_sessions set status = 'open', stripe_checkout_session_id = 'cs_' || id
 where created_by = 'ada';
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada"}';
select ask();
reset role;
update payments.checkout_sessions set status = 'expired'
 where id = (select min(id::text)::uuid from payments.checkout_sessions where created_by = 'ada');
update payments.checkout_sessions set created_at = now() - interval '25 hours'
 where id = (select max(id::text)::uuid from payments.checkout_sessions where created_by = 'ada');
set local role authenticated;
select ask(), ask();
select ask();
-- Guests have no name, and backends no limit.
set local role anon;
set local request.jwt.claims = '';
select count(ask()) from generate_series(1, 5);
set local role project_admin;
select count(ask()) from generate_series(1, 5);
-- Portal sessions are counted by themselves.
reset role;
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'user', 'ada', 'cus_1');
create function public.open_portal() returns text language sql as $$
  select status from payments.create_customer_portal_session('test', 'user', 'ada') $$;
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada"}';
select open_portal(), open_portal(), open_portal();
select open_portal();
reset role;
update payments.customer_portal_sessions set status = 'failed'
 where id = (select min(id::text)::uuid from payments.customer_portal_sessions);
set local role authenticated;
select open_portal();
insert into payments.customer_portal_sessions (environment, subject_type, subject_id) values ('test', 'user', 'ada');
-- 0 is no limit.
reset role;
set local payments.max_open_sessions = 0;
set local role authenticated;
select count(ask()) from generate_series(1, 20);
select count(open_portal()) from generate_series(1, 20);
rollback;
