-- An idempotency key belongs to its caller.
\set ON_ERROR_ROLLBACK on
begin;
create function pg_temp.ask(key text, email text default null,
                            subject text default payments.current_user_id()) returns uuid
  language sql as $$
  select id from payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]',
      'https://app.example.com/paid',
    'https://app.example.com/cart', case when $3 is not null then 'user' end, $3, $2, '{"order_id": "7"}', $1) $$;
grant execute on all functions in schema pg_temp to public;
create temp table made (who text, id uuid);
grant all on made to public;

set local role authenticated;
set local request.jwt.claims = '{"sub": "u1"}';
insert into made values ('u1', pg_temp.ask('k'));
-- The same request: the first row, whatever its state. Another request: a conflict.
select pg_temp.ask('k') = id as again from made where who = 'u1';
select pg_temp.ask('k', 'other@example.com');
reset role;
update payments.checkout_sessions set status = 'expired', metadata = metadata || '{"noted": "by the backend"}'
 where id in (select id from made);
insert into payments.prices (environment, stripe_price_id, active) values ('test', 'p', false);
set local role authenticated;
select pg_temp.ask('k') = id as again, (select status from payments.checkout_sessions s where s.id = made.id) from made
 where who = 'u1';
select pg_temp.ask('k', 'other@example.com');
reset role;
delete from payments.prices;

-- Another user, a guest and a backend with the same key: their own rows, with the same answers.
set local role authenticated;
set local request.jwt.claims = '{"sub": "u2"}';
insert into made values ('u2', pg_temp.ask('k'));
select count(*), min(idempotency_key) from payments.checkout_sessions;
select pg_temp.ask('k', 'other@example.com');
set local role anon;
set local request.jwt.claims = '';
insert into made values ('guest', pg_temp.ask('k'));
select pg_temp.ask('k') = id as again from made where who = 'guest';
select pg_temp.ask('k', 'other@example.com');
set local role project_admin;
insert into made values ('backend', pg_temp.ask('k', null, 'u9'));
select pg_temp.ask('k', null, 'u9') = id as again from made where who = 'backend';
select pg_temp.ask('k', 'other@example.com', 'u9');
-- Each gets his own again; a backend too, whatever has become of the price since.
set local role authenticated;
set local request.jwt.claims = '{"sub": "u1"}';
select pg_temp.ask('k') = id as again from made where who = 'u1';
set local role project_admin;
insert into payments.prices (environment, stripe_price_id, active) values ('test', 'p', false);
select pg_temp.ask('k', null, 'u9') = id as again from made where who = 'backend';
delete from payments.prices;
set local role authenticated;
set local request.jwt.claims = '{"sub": "u1"}';
select pg_temp.ask('k') = id as again from made where who = 'u1';
set local request.jwt.claims = '{"sub": "u2"}';
select pg_temp.ask('k') = id as again from made where who = 'u2';
-- The key in another environment is another key; without a key every request is a new one.
select pg_temp.ask(null) = pg_temp.ask(null);
reset role;
select coalesce(created_by, case when guest then 'guest' else 'backend' end) as caller, count(*),
       split_part(min(idempotency_key), E'\x1f', 1) as key
  from payments.checkout_sessions group by 1 order by 1;

-- A key that was set aside cannot be presented.
set local role authenticated;
set local request.jwt.claims = '{"sub": "u3"}';
select pg_temp.ask(E'k\x1fc4e8ff8abc0beed6b55051648db0f4d0eba3eafeb1d76412c057a019cffbf1e7');
rollback;

-- Guests have no names: what Stripe said of one's session is shown to no other, who gets a session of his own; before
-- that, the same request is the same session. Each in a transaction of its own, as guests come.
\unset ON_ERROR_ROLLBACK
create function ask_as_guest(email text) returns text language sql as $$
  select format('%s %s', id, coalesce(url, 'no url'))
    from payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]',
    'https://app.example.com/paid', 'https://app.example.com/cart', null, null, $1, '{}', 'guests') $$;
set role anon;
select ask_as_guest('a@example.com') as first \gset
select ask_as_guest('a@example.com') = :'first' as the_same_before_stripe_answered;
-- Another request under that key is another guest's.
select ask_as_guest('b@example.com') <> :'first' as another;
select ask_as_guest('a@example.com') as again \gset
reset role;
update payments.checkout_sessions
   set status = 'open', url = 'https://checkout.stripe.com/x', stripe_checkout_session_id = 'cs_' || id;
set role anon;
select ask_as_guest('a@example.com') like '% no url' as nothing_revealed;
-- Not even to one who looks in the transaction that took the key from it, savepoints or not.
begin;
set local role anon;
savepoint before_asking;
select count(*)
  from payments.create_checkout_session('test', 'payment', '[{"price": "q", "quantity": 1}]', 'https://a.example/',
                                        'https://a.example/', idempotency_key => 'guests');
select count(*) as his_own, count(url) as answered, count(stripe_checkout_session_id) as known
  from payments.checkout_sessions;
release before_asking;
select count(*) as his_own, count(url) as answered, count(stripe_checkout_session_id) as known
  from payments.checkout_sessions;
savepoint once_more;
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url, idempotency_key)
values ('test', 'payment', '[{"price": "q", "quantity": 1}]', 'https://a.example/', 'https://a.example/', 'guests')
on conflict (environment, idempotency_key) where idempotency_key is not null do nothing returning idempotency_key;
select count(*) as his_own, count(url) as answered, count(stripe_checkout_session_id) as known
  from payments.checkout_sessions;
rollback to once_more;
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url)
values ('test', 'payment', '[{"price": "q", "quantity": 1}]', 'https://a.example/', 'https://a.example/')
returning guest;
select count(*) as his_own, count(url) as answered, count(stripe_checkout_session_id) as known
  from payments.checkout_sessions;
rollback;
-- Nor is what a backend noted about a session that waits for Stripe's answer.
begin;
set local role anon;
select id as noted
  from payments.create_checkout_session('test', 'payment', '[{"price": "q", "quantity": 1}]', 'https://a.example/',
                                        'https://a.example/', idempotency_key => 'noted') \gset
commit;
reset role;
update payments.checkout_sessions set metadata = '{"crm": "17"}' where id = :'noted';
begin;
set local role anon;
select id <> :'noted' as another
  from payments.create_checkout_session('test', 'payment', '[{"price": "q", "quantity": 1}]', 'https://a.example/',
                                        'https://a.example/', idempotency_key => 'noted');
select count(*) as his_own, min(metadata::text) as metadata from payments.checkout_sessions;
rollback;
reset role;
delete from payments.checkout_sessions where id = :'noted';
-- A user has the key meanwhile; then another guest.
set role authenticated;
set request.jwt.claims = '{"sub": "u1"}';
select count(*)
  from payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/',
                                        'https://a.example/', 'user', 'u1', idempotency_key => 'guests');
set role anon;
set request.jwt.claims = '';
select ask_as_guest('c@example.com') like '% no url' as a_new_one;
set role authenticated;
set request.jwt.claims = '{"sub": "u1"}';
select count(*)
  from payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/',
                                        'https://a.example/', 'user', 'u1', idempotency_key => 'guests');
reset role;
select created_by, guest, count(*), count(url) as answered, count(distinct idempotency_key) as keys
  from payments.checkout_sessions group by 1, 2 order by 1, 2;

-- An INSERT that comes to nothing, since another row has its id, takes the key from nobody.
select id as taken_id, idempotency_key from payments.checkout_sessions where created_by = 'u1' \gset
set role authenticated;
set request.jwt.claims = '{"sub": "u2"}';
insert into payments.checkout_sessions (id, environment, mode, line_items, success_url, cancel_url, subject_type,
                                        subject_id, idempotency_key)
select id, 'test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/', 'user',
       'u2', 'guests'
  from (values (:'taken_id'::uuid)) as v(id)
on conflict do nothing;
reset role;
select idempotency_key from payments.checkout_sessions where created_by = 'u1';
