-- One rule of access for every paywall: which statuses, by whose policy, until when. And passes: what is bought again
-- is added to what is left.

set client_min_messages = warning;
select payments.create_app_tables();
select payments.set_entitlement_benefit('test', 'price_lax', 'lax', past_due => true),
       payments.set_entitlement_benefit('test', 'price_strict', 'strict', paused => false),
       payments.set_entitlement_benefit('test', 'price_week', 'pass', '7 days'),
       payments.set_entitlement_benefit('test', 'price_ever', 'pass');
select stripe_price_id, key, duration, past_due, paused from payments.benefits order by 1;

-- two subscriptions of a team, of which each gives one key
create procedure subscription(id text, price text, status text, paused text default null) language sql as $$
  insert into payments.subscriptions (environment, stripe_subscription_id, subject_type, subject_id, status,
                                      current_period_end, pause_collection)
  values ('test', id, 'team', id, status, '2999-01-01 00:00+00', paused)
  on conflict (environment, stripe_subscription_id) do update
     set status = excluded.status, pause_collection = excluded.pause_collection;
  insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id,
                                           stripe_price_id)
  values ('test', 'si_' || id, id, price) on conflict do nothing;
$$;
-- what each paywall says of one subscription
create function asked(id text) returns table (by_subscription boolean, by_status boolean, by_key boolean, until text)
language sql as $$
  select payments.has_active_subscription('team', $1),
         (select access_until > now() from team_billing_status where team_id = $1),
         exists (select from user_entitlements where subject_id = $1 and active and expires_at > now()),
         (select to_char(access_until at time zone 'UTC', 'YYYY-MM-DD') from team_billing_status where team_id = $1)
$$;
create function told(status text, paused text default null)
returns table (benefit text, by_subscription boolean, by_status boolean, by_key boolean, until text)
language plpgsql as $$
begin
  call subscription('lax', 'price_lax', status, paused);
  call subscription('strict', 'price_strict', status, paused);
  return query select b, a.* from unnest(array['lax', 'strict']) b cross join lateral asked(b) a;
end
$$;
select s as status, t.* from unnest(array['incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'canceled',
  'incomplete_expired', 'paused']) s cross join lateral told(s) t;
-- a collection that is paused leaves Stripe's status as it was
select t.* from told('active', 'void') t;
select source, key, active, f.reason from user_entitlements e
  join payments.fulfillments f using (source) where f.kind = 'user_entitlements' order by 1;
-- who asks may decide about what is overdue
select t.* from told('past_due') t;
select payments.has_active_subscription('team', 'lax', false) as lax,
       payments.has_active_subscription('team', 'strict', true) as strict;

-- each item ends at its own time; the team's answer is that of the longest
call subscription('lax', 'price_lax', 'active');
update payments.subscription_items set current_period_end = '2998-01-01 00:00+00' where stripe_subscription_id = 'lax';
insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id,
                                         stripe_price_id, current_period_end)
values ('test', 'si_x', 'lax', 'price_strict', '2000-01-01 00:00+00');
select key, active, expires_at at time zone 'UTC' as expires_at from user_entitlements
 where source = 'subscription:lax' order by 1;
select * from asked('lax');
-- nothing ends it, and then somebody schedules its end
update payments.subscription_items set current_period_end = null where stripe_subscription_id = 'lax';
update payments.subscriptions set current_period_end = null where stripe_subscription_id = 'lax';
select team_id, status, access_until from team_billing_status where team_id = 'lax';
update payments.subscriptions set cancel_at = '2997-01-01 00:00+00' where stripe_subscription_id = 'lax';
select team_id, access_until at time zone 'UTC' as access_until from team_billing_status where team_id = 'lax';

-- a refund of an invoice of a subscription that goes on is put before a person, until the subscription ends
insert into payments.payment_history (environment, type, status, stripe_invoice_id, stripe_subscription_id, amount,
                                      amount_refunded, currency)
values ('test', 'subscription_invoice', 'partially_refunded', 'in_1', 'lax', 2000, 500, 'eur');
select environment, state, kind, item, source, reason from payments.review;
select payments.retry_fulfillments();
update payments.payment_history set amount_refunded = 0, status = 'succeeded' where stripe_invoice_id = 'in_1';
select count(*) from payments.review;
update payments.payment_history set dispute_status = 'lost', amount_lost = 2000 where stripe_invoice_id = 'in_1';
select item, left(reason, 70) as reason, folded(next_step, 60) as next_step from payments.review;
call subscription('lax', 'price_lax', 'canceled');
select count(*) from payments.review;

-- passes
create procedure buy(id int, price text, paid_at timestamptz, owner text default 'ada') language sql as $$
  insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items,
                                          success_url, cancel_url, stripe_checkout_session_id)
  values (md5(id::text)::uuid, 'test', 'payment', 'user', owner,
          jsonb_build_array(jsonb_build_object('price', price, 'quantity', 1)),
          'https://a.example', 'https://a.example', 'cs_' || id);
  insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency,
                                        paid_at)
  values ('test', 'one_time_payment', 'succeeded', 'cs_' || id, 700, 'eur', buy.paid_at);
$$;
create view passes as
  select user_id, stripe_checkout_session_id as bought, active, e.starts_at at time zone 'UTC' as starts_at,
         e.expires_at at time zone 'UTC' as expires_at,
         (f.starts_at, f.expires_at) is not distinct from (e.starts_at, e.expires_at) as on_record
    from user_entitlements e join payments.checkout_sessions s on e.source = 'checkout:' || s.id
    join payments.fulfillments f on f.source = e.source and f.kind = 'user_entitlements'
   where key = 'pass' order by user_id, bought;
call buy(2, 'price_week', '2030-01-03 00:00+00');
table passes;
-- one that was paid before is told after it
call buy(1, 'price_week', '2030-01-01 00:00+00');
call buy(3, 'price_week', '2030-01-31 00:00+00');
call buy(4, 'price_ever', '2030-01-02 00:00+00');
call buy(5, 'price_week', '2030-01-01 00:00+00', 'bob');
table passes;
-- the first goes back, and comes again; then two are lost to disputes
begin;
update payments.payment_history set status = 'refunded' where stripe_checkout_session_id = 'cs_1';
table passes;
update payments.payment_history set status = 'succeeded' where stripe_checkout_session_id = 'cs_1';
table passes;
update payments.payment_history set dispute_status = 'lost', amount_lost = 700
 where stripe_checkout_session_id in ('cs_1', 'cs_2');
table passes;
rollback;
-- what can't be written fails alone, and is tried again
create function refuse() returns trigger language plpgsql as $$
begin
  if new.source = 'checkout:' || md5('2')::uuid then raise 'not now'; end if;
  return new;
end
$$;
create trigger refuse before update on user_entitlements for each row execute function refuse();
update payments.payment_history set status = 'refunded' where stripe_checkout_session_id = 'cs_1';
select item, state, reason, source = 'checkout:' || md5('2')::uuid as is_the_second from payments.review;
table passes;
drop trigger refuse on user_entitlements;
select payments.retry_fulfillments();
table passes;
-- nothing is counted twice, whatever is asked again
select payments.retry_fulfillments(reference => 'cs_2'), payments.retry_fulfillments(reference => 'cs_3');
table passes;

-- a backfill tells of a paused collection too, and each item's period, in both shapes
select payments.sync_stripe_objects('test', '[
  {"id": "sub_new", "object": "subscription", "status": "active", "created": 1752000000,
   "pause_collection": {"behavior": "keep_as_draft", "resumes_at": 1752009000},
   "items": {"data": [{"id": "si_n1", "current_period_start": 1, "current_period_end": 2, "price": "price_a"},
                      {"id": "si_n2", "current_period_start": 3, "current_period_end": 4, "price": "price_b"}]}},
  {"id": "sub_old", "object": "subscription", "status": "active", "created": 1752000000, "pause_collection": null,
   "current_period_start": 5, "current_period_end": 6, "items": {"data": [{"id": "si_o1", "price": "price_a"}]}}
]') is not null as synced;
select stripe_subscription_id, pause_collection, pause_resumes_at at time zone 'UTC' as resumes,
       extract(epoch from current_period_start) as starts, extract(epoch from current_period_end) as ends
  from payments.subscriptions where stripe_subscription_id in ('sub_new', 'sub_old') order by 1;
select stripe_subscription_item_id, extract(epoch from current_period_start) as starts,
       extract(epoch from current_period_end) as ends
  from payments.subscription_items where stripe_subscription_id in ('sub_new', 'sub_old') order by 1;
select regexp_replace(story, ' \[.*', '') as story from payments.explain('sub_new')
 union all select regexp_replace(story, ' \[.*', '') from payments.explain('sub_old');
