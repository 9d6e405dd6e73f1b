-- What a test card can buy is worth nothing in live: once live is approved, test gives nothing where a table does not
-- say which is which, and what it gave before is only taken back.

set client_min_messages = warning;
select payments.create_app_tables();
select payments.set_credit_benefit(e, 'price_x', 10), payments.set_entitlement_benefit(e, 'price_x', 'course'),
       payments.set_entitlement_benefit(e, 'price_pro', 'pro') from unnest('{test,live}'::text[]) e;
create procedure pay(environment text, name text) language sql as $$
  insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, line_items,
                                          success_url, cancel_url, stripe_checkout_session_id)
  values (md5(name)::uuid, environment, 'payment', 'open', 'user', 'ada', '[{"price": "price_x", "quantity": 1}]',
          'https://a.example', 'https://a.example', 'cs_' || name);
  insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency,
                                        paid_at)
  values (environment, 'one_time_payment', 'succeeded', 'cs_' || name, 1000, 'eur', '2026-01-01 00:00+00');
$$;
create procedure subscribe(environment text, name text) language sql as $$
  insert into payments.subscriptions (environment, stripe_subscription_id, subject_type, subject_id, status,
                                      current_period_end)
  values (environment, 'sub_' || name, 'team', name, 'active', '2999-01-01');
  insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id,
      stripe_product_id, stripe_price_id, quantity)
  values (environment, 'si_' || name, 'sub_' || name, 'prod_pro', 'price_pro', 1);
$$;
create view worth as select payments.credit_balance('user', 'ada') as credits,
  (select string_agg(split_part(source, ':', 1) || ' ' || key || ' ' || active, ', ' order by 1, source)
     from user_entitlements) as keys,
  (select string_agg(team_id || ' ' || status, ', ' order by team_id) from team_billing_status) as billing,
  payments.has_active_subscription('team', 'before') as before,
  payments.has_active_subscription('team', 'after') as after,
  payments.has_active_subscription('team', 'real') as real;

call pay('test', 'before');
call subscribe('test', 'before');
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$;
create trigger refuse before insert on credit_ledger for each row execute function refuse();
call pay('test', 'failed');
drop trigger refuse on credit_ledger;
table worth;

select payments.set_webhook_secret('live', 'whsec_of_live');
insert into payments.prices (environment, stripe_price_id, active) values ('live', 'price_x', true);
select payments.approve_live('ada@example.com');
table worth;
call pay('test', 'after');
call subscribe('test', 'after');
select payments.retry_fulfillments();
table worth;
select kind, item, state, folded(reason, 50) as reason from payments.fulfillments
 where source in ('checkout:' || md5('after')::uuid, 'checkout:' || md5('failed')::uuid, 'subscription:sub_before',
                  'subscription:sub_after')
   and kind in ('credit_ledger', 'user_entitlements') order by source, kind, item;
-- nor when a person has it looked at anew
select payments.retry_fulfillments(reference => 'cs_after'), payments.retry_fulfillments(reference => 'sub_after');
table worth;

-- what was given before goes back with its money
update payments.payment_history set status = 'refunded', amount_refunded = amount
 where stripe_checkout_session_id in ('cs_before', 'cs_after');
table worth;
select count(*) from payments.review;

-- live gives, also when the approval is taken back for a while
call pay('live', 'real');
call subscribe('live', 'real');
table worth;
select payments.revoke_live();
call pay('test', 'again');
update payments.subscriptions set current_period_end = '2999-02-01' where environment = 'test';
table worth;
