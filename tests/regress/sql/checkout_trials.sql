-- A trial goes to a subject that never had one: not while another page with a trial can be paid, nor after it was.
\set ON_ERROR_ROLLBACK on
select payments.set_checkout_defaults('test', '{"subscription_data": {"trial_period_days": 14,
  "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}}},
  "payment_method_collection": "if_required"}', 'price_plan');
insert into payments.prices (environment, stripe_price_id, stripe_product_id, type)
values ('test', 'price_plan', 'prod_plan', 'recurring'), ('test', 'price_addon', 'prod_addon', 'recurring'),
       ('test', 'price_once', 'prod_once', 'one_time');
create function ask(subject text, prices text[] default '{price_plan}', name text default null) returns uuid
  language sql as $$
  insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                          cancel_url)
  select coalesce(md5(name)::uuid, gen_random_uuid()), 'test', 'subscription', 'user', subject,
         jsonb_agg(jsonb_build_object('price', p)), 'https://a.example/paid', 'https://a.example/cart'
    from unnest(prices) p
  returning id $$;
create function trial(session uuid) returns text language sql as $$
  select concat_ws(' ', d ->> 'trial_period_days', d #>> '{trial_settings,end_behavior,missing_payment_method}')
    from (select payments.stripe_request(session) #> '{params,subscription_data}') r(d) $$;
begin;
-- Two pages at once: the one whose request is made first has the trial, and keeps it.
select ask('ada', name => 'first'), ask('ada', name => 'second');
select trial(md5('second')::uuid) as second;
select trial(md5('first')::uuid) as first;
select trial(md5('second')::uuid) as second, trial(ask('ada')) as third, trial(ask('bob')) as another_user;
-- It is free again once it can't be had any more: the page expired, or a day has gone by. One that failed may be at
-- Stripe, though its answer never came; one that was never asked for is not.
savepoint ends;
update payments.checkout_sessions set status = 'expired' where id = md5('second')::uuid;
select trial(ask('ada', name => 'later')) as after_the_expiry, trial(ask('ada')) as another;
select payments.record_stripe_error(md5('later')::uuid, 'no such price') ->> 'status' as status;
select trial(ask('ada')) as after_the_error;
select ask('fred', name => 'unsent'),
       payments.record_stripe_error(md5('unsent')::uuid, 'nobody sent it') ->> 'status' as status;
select trial(ask('fred')) as nobody_asked;
alter table payments.checkout_sessions disable trigger payments_touch_updated_at;
update payments.checkout_sessions set updated_at = now() - interval '26 hours' where id = md5('later')::uuid;
select trial(ask('ada', name => 'again')) as a_day_after_the_error;
update payments.checkout_sessions set updated_at = now() - interval '24 hours' where id = md5('again')::uuid;
select trial(ask('ada')) as within_a_day;
update payments.checkout_sessions set updated_at = now() - interval '26 hours' where id = md5('again')::uuid;
select trial(ask('ada')) as after_a_day;
rollback to ends;
-- Of an expired page that Stripe may recover, not within a month.
select payments.set_checkout_defaults('test', '{"after_expiration": {"recovery": {"enabled": true}}}');
select trial(ask('eve', name => 'recoverable'));
update payments.checkout_sessions set status = 'expired' where id = md5('recoverable')::uuid;
select trial(ask('eve')) as while_it_may_be_recovered;
-- For good where it was paid, and where a subscription of the subject has had one, whoever sold it.
update payments.checkout_sessions set status = 'completed' where id = md5('second')::uuid;
alter table payments.checkout_sessions disable trigger payments_touch_updated_at;
update payments.checkout_sessions set updated_at = now() - interval '3 years' where id = md5('second')::uuid;
select trial(ask('ada')) as after_a_purchase;
insert into payments.subscriptions (environment, stripe_subscription_id, status, subject_type, subject_id, trial_start)
values ('test', 'sub_1', 'canceled', 'user', 'dan', '2020-01-01'),
       ('live', 'sub_2', 'canceled', 'user', 'fay', '2020-01-01');
select trial(ask('dan')) as had_one, trial(ask('fay')) as had_one_elsewhere;
-- All that recurs must have one; what is paid once beside it need not.
select trial(ask('gil', '{price_plan,price_addon}')) as with_an_addon,
       trial(ask('gil', '{price_plan,price_once}')) as with_a_book;
rollback;
-- What is said and not kept has no trial: it could be said of two pages. What was kept is said as it was.
select ask('ada', name => 'first'), ask('ada', name => 'second'), trial(ask('bob', name => 'kept'));
begin read only;
select trial(md5('first')::uuid) as first, trial(md5('second')::uuid) as second, trial(md5('kept')::uuid) as kept;
rollback;
select trial(md5('second')::uuid) as second, trial(md5('first')::uuid) as first;
delete from payments.checkout_sessions;
-- Who can't see what others were given meanwhile gives none.
begin isolation level repeatable read;
select trial(ask('ada'));
rollback;
