-- Credits that lapse after hours, in a ledger with lines of the app's own, and lapses that cannot be written.

set client_min_messages = warning;
set timezone = 'UTC';
create type why as enum ('purchase', 'refund', 'dispute', 'spend', 'adjustment', 'expiry', 'gift');
create table points (id bigint generated always as identity primary key, subject_type text, subject_id text,
                     delta bigint, balance_after bigint, reason why, source text unique,
                     created_at timestamptz default now());
select payments.attach('credit_ledger', 'points', '{"allow_superuser_owner": true}');
-- A paid pack, which one somebody bought some time ago.
create procedure bought(who text, price text, ago interval) language plpgsql as $$
declare session text := 'cs_' || who || '_' || price;
begin
  insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                          cancel_url, stripe_checkout_session_id)
  values ('test', 'payment', 'user', who, jsonb_build_array(jsonb_build_object('price', price, 'quantity', 1)),
          'https://a.example', 'https://a.example', session);
  insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency,
                                        paid_at)
  values ('test', 'one_time_payment', 'succeeded', session, 900, 'usd', now() - ago);
end $$;
-- A paid invoice of one line.
create procedure paid(invoice text, price text, starts timestamptz, ends timestamptz) language sql as $$
  insert into payments.payment_history (environment, type, status, subject_type, subject_id, stripe_invoice_id,
      stripe_subscription_id, amount, amount_refunded, currency, paid_at, invoice_lines)
  values ('test', 'subscription_invoice', 'succeeded', 'user', 'sue', invoice, 'sub_' || invoice, 1500, 0, 'usd',
      starts, jsonb_build_object('has_more', false, 'lines', jsonb_build_array(jsonb_build_object(
        'id', 'il_' || invoice, 'item', 'si_a', 'price', price, 'product', 'prod_a',
        'start', extract(epoch from starts)::bigint,
        'end', extract(epoch from ends)::bigint, 'quantity', 1, 'amount', 1500))))
$$;
create function lines_of(who text) returns table (delta bigint, balance_after bigint, reason why) language sql as $$
  select delta, balance_after, reason from points where subject_id = who order by id
$$;

-- hours, minutes and seconds are as long as they are
select payments.set_credit_benefit('test', 'price_day', 7, lasts => '24 hours'),
       payments.set_credit_benefit('test', 'price_odd', 5, lasts => '1 year 2 months 26 hours 30 minutes 5.5 seconds'),
       payments.set_credit_benefit('test', 'price_halves', 3, every => '12 hours', lasts => '30 hours 15 minutes'),
       payments.set_credit_benefit('test', 'price_hours', 1, every => '1 hour');
call bought('dan', 'price_day', '25 hours');
call bought('odd', 'price_odd', '0');
select * from lines_of('dan');
select l.expires_at = l.starts_at + interval '1 year 2 months 26 hours 30 minutes 5.5 seconds' as as_long
  from payments.credit_lots l where l.subject_id = 'odd';
call paid('in_1', 'price_halves', date_trunc('second', now()) - interval '25 hours', now() + interval '23 hours');
select * from lines_of('sue');
select l.starts_at - first_value(l.starts_at) over (order by l.starts_at) as since,
       l.expires_at - l.starts_at as lasts
  from payments.credit_lots l where l.subject_id = 'sue' order by l.starts_at;
select n.next_at - p.paid_at as next_part
  from payments.credit_schedules n join payments.payment_history p using (stripe_subscription_id);
-- what was promised is read again
update payments.payment_history set amount_refunded = 500, status = 'partially_refunded'
 where stripe_invoice_id = 'in_1';
select sum(delta), payments.credit_balance('user', 'sue') from lines_of('sue');

-- a period has so many parts and no more, visibly
call paid('in_2', 'price_hours', now(), now() + interval '2 years');
select kind, split_part(item, ':', 2) as invoice, state, reason from payments.review;
call paid('in_3', 'price_hours', now() - interval '10 minutes', now() + interval '366 days');
select payments.credit_balance('user', 'sue'), count(*) as waiting from payments.review;
delete from payments.payment_history where stripe_invoice_id = 'in_2';
delete from payments.fulfillments where state = 'needs_review';

-- the app's own lines count, whatever they lack
insert into points (subject_type, subject_id, delta, balance_after, created_at) values ('user', 'ann', -3, -3, null);
call bought('ann', 'price_day', '25 hours');
select * from lines_of('ann');
insert into points (subject_type, subject_id, delta, balance_after, created_at) values
  ('user', 'bea', 2, 2, '-infinity'), ('user', 'bea', -5, -3, now() - interval '2 hours'),
  ('user', 'bea', 0, -3, 'infinity');
call bought('bea', 'price_day', '25 hours');
select * from lines_of('bea');
select payments.credit_balance('user', 'ann'), payments.credit_balance('user', 'bea');

-- what the app itself spends after a lapse that nobody has written yet stays spent, and only the rest lapses
call bought('kim', 'price_day', '1 hour');
update payments.credit_lots set expires_at = now() - interval '10 minutes' where subject_id = 'kim';
insert into points (subject_type, subject_id, delta, balance_after, reason, source)
values ('user', 'kim', -5, 2, 'spend', 'mine');
select payments.credit_balance('user', 'kim');
select payments.spend_credits('user', 'kim', 1, 'one');
select payments.retry_fulfillments();
select * from lines_of('kim');
-- once the lapse is written, the app sees that nothing is left
insert into points (subject_type, subject_id, delta, balance_after, reason, source)
values ('user', 'kim', -1, -1, 'spend', 'mine too');
select payments.adjust_credits('user', 'kim', 4, 'four'), l.lapsed, l.settled
  from payments.credit_lots l where l.subject_id = 'kim';

-- what is settled is gone through no more, until the grant itself changes
call bought('hal', 'price_day', '60 hours');
call bought('hal', 'price_halves', '26 hours');
update payments.credit_lots set lapsed_at = now() - interval '2 days' where subject_id = 'hal';
create function lots_of_hal() returns table (amount bigint, lapsed bigint, settled boolean) language sql as $$
  select amount, lapsed, settled from payments.credit_lots where subject_id = 'hal' order by settled, amount $$;
call bought('hal', 'price_odd', '0');
select * from lots_of_hal();
update payments.payment_history set amount_refunded = 450, status = 'partially_refunded'
 where stripe_checkout_session_id = 'cs_hal_price_day';
select * from lots_of_hal();
select sum(delta), payments.credit_balance('user', 'hal') from lines_of('hal');

-- a lapse that cannot be written keeps nobody else waiting, and is tried again
call bought('eve', 'price_day', '1 hour');
call bought('fay', 'price_day', '1 hour');
create function refuse() returns trigger language plpgsql as $$ begin raise 'not for eve'; end $$;
create trigger refuse before insert on points for each row when (new.subject_id = 'eve') execute function refuse();
update payments.credit_lots set expires_at = now() - interval '1 minute' where subject_id = 'eve';
update payments.credit_lots set expires_at = now() - interval '1 second' where subject_id = 'fay';
select payments.retry_fulfillments();
select * from lines_of('eve');
select * from lines_of('fay');
select environment, kind, item, source, state, reason, sqlstate, attempts, next_step from payments.review;
select payments.retry_fulfillments('test');
select attempts from payments.review;
drop trigger refuse on points;
select payments.retry_fulfillments();
select * from lines_of('eve');
select count(*) as waiting from payments.review;

-- many are written in batches, what was due first before the rest
insert into payments.credit_lots (environment, source, target_table, subject_type, subject_id, amount, starts_at,
                                  expires_at)
select 'test', 'checkout:' || n || ':price_day', 'public.points', 'user', 'many_' || n, 1, now() - interval '2 days',
       now() - make_interval(secs => n)
  from generate_series(1, 501) n;
select payments.retry_fulfillments();
select subject_id from payments.credit_lots where lapsed is null and expires_at < now();
select payments.retry_fulfillments();
select subject_id from payments.credit_lots where lapsed is null and expires_at < now();

-- a ledger whose lines need not tell when they were written
create table undated (like points including all);
alter table undated alter created_at drop default;
select payments.detach('credit_ledger', 'points');
select payments.attach('credit_ledger', 'undated', '{"allow_superuser_owner": true}');
call bought('gil', 'price_day', '1 hour');
select kind, item, state, reason from payments.review;
alter table undated alter created_at set default now();
select payments.retry_fulfillments();
select delta, reason, source like 'checkout:%:price_day' as of_pack from undated;
select count(*) as waiting from payments.review;

-- a ledger whose words lack that of a lapse
create type words as enum ('purchase', 'refund', 'dispute', 'spend', 'adjustment');
create table worded (like points including all);
alter table worded alter reason type words using null;
select payments.attach('credit_ledger', 'worded', '{"allow_superuser_owner": true}');
