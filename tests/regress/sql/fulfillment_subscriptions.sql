-- What a subscription gives: entitlements while its status grants access and its items hold the price, and one billing
-- status for a team that has several.

set client_min_messages = warning;
select payments.create_app_tables();
select payments.set_entitlement_benefit('test', 'prod_pro', 'pro', past_due => true),
       payments.set_entitlement_benefit('test', 'price_seats', 'seats');
create procedure subscription(id text, status text, ends timestamptz, subject_id text default '7') language sql as $$
  insert into payments.subscriptions (environment, stripe_subscription_id, subject_type, subject_id, status,
                                      current_period_end)
  values ('test', id, 'team', subject_id, status, ends)
  on conflict (environment, stripe_subscription_id) do update
     set status = excluded.status, current_period_end = excluded.current_period_end, subject_id = excluded.subject_id
$$;
create view entitled as select subject_type, subject_id, key, source, active,
    expires_at at time zone 'UTC' as expires_at from user_entitlements order by source, key;
create view billing as select team_id, stripe_subscription_id, status,
    current_period_end at time zone 'UTC' as current_period_end from team_billing_status order by 1;

-- the items come after the subscription
call subscription('sub_a', 'trialing', '2030-01-01 00:00+00');
insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id,
                                         stripe_product_id, stripe_price_id, quantity)
values ('test', 'si_1', 'sub_a', 'prod_pro', 'price_pro', 1), ('test', 'si_2', 'sub_a', 'prod_other', 'price_seats', 5);
table entitled;
-- past due by the benefit's policy, renewed, one item removed
call subscription('sub_a', 'past_due', '2030-01-01 00:00+00');
table entitled;
call subscription('sub_a', 'active', '2030-02-01 00:00+00');
delete from payments.subscription_items where stripe_subscription_item_id = 'si_2';
table entitled;
table billing;
-- a benefit that is removed stays for who has it
select payments.remove_benefit('test', 'prod_pro', 'pro');
call subscription('sub_a', 'active', '2030-03-01 00:00+00');
table entitled;

-- two at once: the best one answers
call subscription('sub_b', 'active', '2030-12-01 00:00+00');
table billing;
call subscription('sub_b', 'past_due', '2031-12-01 00:00+00');
table billing;
call subscription('sub_a', 'canceled', '2030-03-01 00:00+00');
table billing;
table entitled;
-- one moves to another team
call subscription('sub_b', 'past_due', '2031-12-01 00:00+00', '8');
table billing;
select kind, item, state, reason from payments.fulfillments order by 1, 2;
-- a key must be somebody's; credits come with paid invoices
begin;
select payments.set_credit_benefit('test', 'price_pro', 5),
       payments.set_entitlement_benefit('test', 'price_pro', 'pro');
insert into payments.subscriptions (environment, stripe_subscription_id, status, current_period_end)
values ('test', 'sub_c', 'active', '2031-12-01 00:00+00');
insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id,
                                         stripe_product_id, stripe_price_id, quantity)
values ('test', 'si_3', 'sub_c', 'prod_pro', 'price_pro', 1);
select kind, item, state, reason from payments.fulfillments where source = 'subscription:sub_c' order by 1, 2;
update payments.subscriptions set subject_type = 'team', subject_id = '9' where stripe_subscription_id = 'sub_c';
update payments.subscriptions set current_period_end = '2032-01-01 00:00+00' where stripe_subscription_id = 'sub_c';
select kind, item, state, reason from payments.fulfillments where source = 'subscription:sub_c' order by 1, 2;
rollback;
select payments.has_active_subscription('team', '8'), payments.has_active_subscription('team', '8', past_due => true),
       payments.has_active_subscription('team', '7');
-- An item that somebody deleted by hand comes back with a backfill. That writes the subscription too, whose trigger
-- gives for both.
create temp view of_stripe as select jsonb '{
  "id": "sub_d", "object": "subscription", "status": "active", "customer": "cus_d", "created": 1700000000,
  "metadata": {"payments_subject_type": "team", "payments_subject_id": "10"},
  "items": {"object": "list", "has_more": false, "data": [
    {"id": "si_d", "object": "subscription_item", "quantity": 1, "current_period_end": 2000000000,
     "price": {"id": "price_seats", "object": "price", "product": "prod_seats"}}]}}' as object;
select payments.sync_stripe_objects('test', object) ->> 'error' as error from of_stripe;
select key, active from user_entitlements where source = 'subscription:sub_d';
delete from payments.subscription_items where stripe_subscription_id = 'sub_d';
select key, active from user_entitlements where source = 'subscription:sub_d';
select payments.sync_stripe_objects('test', object) ->> 'error' as error from of_stripe;
select key, active from user_entitlements where source = 'subscription:sub_d';
