-- Many payments of one statement, given to a ledger whose subjects are uuids: one subject has one balance, however it
-- is spelled.

set client_min_messages = warning;
create table points (id bigserial primary key, subject_type text, subject_id uuid, delta bigint, balance_after bigint,
                     reason text, source text unique);
create index on points (subject_type, subject_id, id);
create role points_owner nologin;
alter table points owner to points_owner;
select payments.attach('credit_ledger', 'points');
select payments.set_credit_benefit('test', 'price_a', 100);
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url, stripe_checkout_session_id)
select md5('session ' || n)::uuid, 'test', 'payment', 'user',
       case when n % 2 = 0 then 'aaaaaaaa-0000-4000-8000-00000000000a' else 'AAAAAAAA-0000-4000-8000-00000000000A' end,
       '[{"price": "price_a", "quantity": 1}]', 'https://a.example', 'https://a.example', 'cs_' || n
  from generate_series(1, 20) n;
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency)
select 'test', 'one_time_payment', 'succeeded', 'cs_' || n, 1000, 'eur' from generate_series(1, 20) n;
select count(distinct xmin::text) as savepoints, count(*), bool_and(agrees) as agrees, max(balance_after)
  from (select xmin, balance_after, balance_after = sum(delta) over (order by id) as agrees from points) l;
select state, count(*) from payments.fulfillments group by 1;
-- two payments of one session in one statement grant once
insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
  cancel_url, stripe_checkout_session_id, stripe_payment_intent_id)
values (md5('twice')::uuid, 'test', 'payment', 'user', 'bbbbbbbb-0000-4000-8000-00000000000b',
  '[{"price": "price_a", "quantity": 1}]', 'https://a.example', 'https://a.example', 'cs_twice', 'pi_twice');
insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, stripe_payment_intent_id,
  amount, currency)
values ('test', 'one_time_payment', 'succeeded', 'cs_twice', null, 1000, 'eur'),
       ('test', 'one_time_payment', 'succeeded', null, 'pi_twice', 1000, 'eur');
select delta, balance_after from points where subject_id = 'bbbbbbbb-0000-4000-8000-00000000000b';
-- and take back once, though both go back in one statement
update payments.payment_history set status = 'partially_refunded', amount_refunded = 500
 where 'twice' in (substr(stripe_checkout_session_id, 4), substr(stripe_payment_intent_id, 4));
select delta, balance_after from points where subject_id = 'bbbbbbbb-0000-4000-8000-00000000000b' order by id;
drop owned by points_owner;
drop role points_owner;
