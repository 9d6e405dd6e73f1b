-- Of a type with a predicate my_subjects() tries what the caller's own sessions name, and what money or a backend made
-- known. What others ask for costs him nothing.
\set ON_ERROR_ROLLBACK on
begin;
-- Each answer is counted.
create sequence public.asked_so_far;
grant all on public.asked_so_far to public;
create function public.may_bill(user_id text, subject_id text) returns boolean language plpgsql as $$
begin
  perform nextval('public.asked_so_far');
  return split_part(subject_id, '-', 1) = user_id or subject_id = 'shared';
end $$;
select payments.protect_subject_type('thing', 'public.may_bill(text,text)');
create function public.how_often() returns text language plpgsql as $$
declare mine text[]; before bigint := nextval('public.asked_so_far');
begin
  mine := array(select payments.my_subjects('thing') order by 1);
  return format('%s, asked %s times', mine, nextval('public.asked_so_far') - before - 1);
end $$;
create function public.ask_to_pay(subject text) returns void language sql as $$
  select payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/',
                                          'https://a.example/',
                                          'thing', subject) $$;
set local payments.max_open_sessions = 0;
set local role authenticated;
set local request.jwt.claims = '{"sub": "eve"}';
select count(ask_to_pay('eve-' || n)) from generate_series(1, 2000) n;
set local request.jwt.claims = '{"sub": "ada"}';
select how_often() as nothing_is_known;
select ask_to_pay('ada-1'), ask_to_pay('ada-1'), ask_to_pay('ada-2');
select how_often() as his_own;
set local request.jwt.claims = '{"sub": "eve"}';
select ask_to_pay('shared');
set local request.jwt.claims = '{"sub": "ada"}';
select how_often() as only_asked_for;
reset role;
-- A payment, a mapping, a subscription, a backend's session: each makes a subject known, once.
savepoint known;
insert into payments.payment_history (environment, type, status, subject_type, subject_id, amount, currency)
select 'test', 'one_time_payment', 'succeeded', 'thing', 'shared', 100, 'eur' from generate_series(1, 3);
set local role authenticated;
select how_often() as by_payments;
rollback to known;
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'thing', 'shared', 'cus_1');
set local role authenticated;
select how_often() as by_a_mapping;
rollback to known;
insert into payments.subscriptions (environment, stripe_subscription_id, subject_type, subject_id, status)
values ('test', 'sub_1', 'thing', 'shared', 'active'), ('test', 'sub_2', 'thing', 'shared', 'canceled'),
       ('test', 'sub_3', 'other', 'not this', 'active');
set local role authenticated;
select how_often() as by_subscriptions;
rollback to known;
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url)
select 'test', 'payment', 'thing', 'shared', '[{"price": "p", "quantity": 1}]', 'https://a.example/',
       'https://a.example/' from generate_series(1, 2);
set local role authenticated;
select how_often() as by_a_backend;
rollback to known;
-- Whatever is known, no more than so many are tried, the caller's own first.
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
select 'test', 'thing', 'a-' || n, 'cus_' || n from generate_series(1, 10005) n;
set local role authenticated;
select how_often() as bounded;
reset role;
-- Each source is read by an index that begins with the type, or with the caller.
analyze payments.checkout_sessions, payments.stripe_customer_mappings;
prepare known_of_type as select from payments.checkout_sessions
 where subject_type = 'thing' and subject_id is not null and created_by is null;
explain (costs off) execute known_of_type;
explain (costs off) select from payments.checkout_sessions where created_by = 'ada' order by created_at desc limit 1000;
select folded(line) as plan from plan($$
  select from payments.stripe_customer_mappings where subject_type = 'other' order by subject_id limit 10 $$) as line;
rollback;
