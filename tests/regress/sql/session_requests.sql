-- What a program beside the database sends to Stripe: claimed for one worker, postponed, given up.
\set ON_ERROR_ROLLBACK on
begin;
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'user', 'ada', 'cus_ada');
set local role project_admin;
insert into payments.checkout_sessions (id, environment, mode, line_items, success_url, cancel_url, created_at)
select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'test', 'payment', '[{"price": "p"}]',
       'https://a.example/', 'https://a.example/', now() - make_interval(mins => 10 - n)
  from generate_series(1, 3) n;
insert into payments.customer_portal_sessions (id, environment, subject_type, subject_id, created_at) values
  ('00000000-0000-4000-8000-000000000004', 'test', 'user', 'ada', now() - interval '5 minutes'),
  ('00000000-0000-4000-8000-000000000005', 'test', 'user', 'bob', now() - interval '4 minutes');
-- A backend tells of the past: nothing of it waits.
insert into payments.checkout_sessions (environment, mode, status, line_items, success_url, cancel_url, last_error)
values ('test', 'payment', 'failed', '[{"price": "p"}]', 'https://a.example/', 'https://a.example/', 'no');

create function pg_temp.claim(n int, lease interval default '1 minute')
returns table (id text, kind text, environment text, request text, attempt int, leased boolean) language sql as $$
  select right(c.session_id::text, 1), c.kind, c.environment,
         concat_ws(' ', c.request ->> 'method', c.request ->> 'path', c.request ->> 'idempotency_key'), c.attempt,
         c.lease_until > clock_timestamp() and c.first_claimed_at <= clock_timestamp()
    from payments.claim_session_requests(n, lease) c $$;
-- The oldest first, each once; a portal of a subject without a customer is given up.
select id, kind, environment, attempt, leased from pg_temp.claim(2);
select id, kind, request from pg_temp.claim(10);
select id, kind from pg_temp.claim(10);
select right(id::text, 1) as id, status, last_error from payments.customer_portal_sessions order by 1;

-- A lease that ran out is claimed again, with the same idempotency key.
reset role;
update payments.request_leases set due_at = now() - interval '1 second'
 where session_id = '00000000-0000-4000-8000-000000000001';
set local role project_admin;
select id, attempt, request from pg_temp.claim(10);

-- What is put off comes later; what was answered is nobody's any more.
select payments.postpone_session_request('00000000-0000-4000-8000-000000000001', '1 hour',
         'Stripe could not be reached with sk_test_abcdefgh1234');
select payments.postpone_session_request('00000000-0000-4000-8000-000000000002', '0');
select right(id::text, 1) as id, status, last_error from payments.checkout_sessions where last_error <> 'no' order by 1;
select id, attempt from pg_temp.claim(10);
select r ->> 'status' as status, r ->> 'last_error' as last_error
  from payments.record_stripe_response('00000000-0000-4000-8000-000000000001',
    '{"id": "cs_1", "object": "checkout.session", "livemode": false, "url": "https://checkout.stripe.com/1"}') r;
select payments.postpone_session_request('00000000-0000-4000-8000-000000000001', '0', 'late');
select right(session_id::text, 1) as id, attempt from payments.request_leases order by 1;
-- The slower of two workers records the same answer again.
select r ->> 'status' as status, r ->> 'last_error' as last_error
  from payments.record_stripe_response('00000000-0000-4000-8000-000000000001',
    '{"id": "cs_1", "object": "checkout.session", "livemode": false, "url": "https://checkout.stripe.com/1"}') r;
select r ->> 'status' as status
  from payments.record_stripe_error('00000000-0000-4000-8000-000000000002', 'No such price') r;
select payments.postpone_session_request('00000000-0000-4000-8000-000000000009', '0');
select payments.postpone_session_request('00000000-0000-4000-8000-000000000003', '2 days');
select payments.claim_session_requests(0);
select payments.claim_session_requests(1, '1 day');

-- Stripe forgets a key after a day: what was first sent 23 hours ago is not sent again.
reset role;
update payments.request_leases
   set due_at = now() - interval '1 second', first_claimed_at = now() - interval '23 hours 1 second'
 where session_id = '00000000-0000-4000-8000-000000000003';
-- A backend asked for this one long ago, and may have sent it; nobody asked for that one, nor waits for it any more.
insert into payments.checkout_sessions (id, environment, mode, line_items, success_url, cancel_url, created_at, request)
select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'test', 'payment', '[{"price": "p"}]',
       'https://a.example/', 'https://a.example/', now() - interval '2 days', request::jsonb
  from (values (6, '{"method": "POST"}'), (7, null)) as w(n, request);
set local role project_admin;
select id from pg_temp.claim(10);
select right(id::text, 1) as id, status, folded(last_error) as last_error from payments.checkout_sessions
 where id::text like '0000%' and right(id::text, 1) in ('3', '6', '7') order by 1;
select right(session_id::text, 1) as id from payments.request_leases order by 1;

-- Live waits until it is approved.
reset role;
alter table payments.checkout_sessions disable trigger payments_guard;
insert into payments.checkout_sessions (id, environment, mode, line_items, success_url, cancel_url)
values ('00000000-0000-4000-8000-000000000008', 'live', 'payment', '[{"price": "p"}]', 'https://a.example/',
        'https://a.example/');
alter table payments.checkout_sessions enable trigger payments_guard;
set local role project_admin;
select id from pg_temp.claim(10);
reset role;
update payments.environments set live_approved_by = 'ada', live_approved_at = now() where environment = 'live';
set local role project_admin;
select id, environment from pg_temp.claim(10);

-- A trigger of the app's that raises keeps one request back, and no other.
reset role;
create function public.refuses() returns trigger language plpgsql as $$
begin
  if new.request is not null then raise exception 'not this one'; end if;
  return new;
end $$;
create trigger app before update on payments.checkout_sessions for each row execute function public.refuses();
set local role project_admin;
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url)
values ('test', 'payment', '[{"price": "p"}]', 'https://a.example/', 'https://a.example/');
insert into payments.customer_portal_sessions (environment, subject_type, subject_id) values ('test', 'user', 'ada');
select kind from pg_temp.claim(10);
select last_error from payments.request_leases where last_error is not null;

-- For admins alone.
set local role authenticated;
set local request.jwt.claims = '{"sub": "ada"}';
select payments.claim_session_requests();
select payments.postpone_session_request('00000000-0000-4000-8000-000000000003', '0');
select count(*) from payments.request_leases;

-- An id names one request, of whatever kind. Two that share one all the same (here past the guard), and a row whose own
-- trigger fails, hold up no other.
insert into payments.customer_portal_sessions (id, environment, subject_type, subject_id)
values ('00000000-0000-4000-8000-000000000001', 'test', 'user', 'ada');
insert into payments.checkout_sessions (id, environment, mode, line_items, success_url, cancel_url)
values ('00000000-0000-4000-8000-000000000004', 'test', 'payment', '[{"price": "p"}]', 'https://a.example/',
        'https://a.example/');
reset role;
delete from payments.request_leases;
drop trigger if exists app on payments.checkout_sessions;
delete from payments.checkout_sessions;
delete from payments.customer_portal_sessions;
set local session_replication_role = replica;
insert into payments.checkout_sessions (id, environment, mode, line_items, success_url, cancel_url, created_at)
select ('00000000-0000-4000-8000-00000000001' || n)::uuid, 'test', 'payment', '[{"price": "p"}]'::jsonb,
       'https://a.example/', 'https://a.example/', now() - make_interval(mins => 10 - n)
  from generate_series(1, 2) n
union all
select '00000000-0000-4000-8000-000000000013', 'test', 'payment', '[{"price": "p"}]'::jsonb, 'https://a.example/',
       'https://a.example/', now() - interval '2 days';
insert into payments.customer_portal_sessions (id, environment, subject_type, subject_id)
values ('00000000-0000-4000-8000-000000000011', 'test', 'user', 'ada');
set local session_replication_role = origin;
create function pg_temp.fail() returns trigger language plpgsql as $$ begin raise 'the app''s own trigger'; end $$;
create trigger fails before update on payments.checkout_sessions for each row when (old.id::text ~ '13$')
  execute function pg_temp.fail();
set local role project_admin;
select * from pg_temp.claim(10);
select right(session_id::text, 2) as id, last_error from payments.request_leases where last_error is not null;
select * from pg_temp.claim(10);
rollback;
