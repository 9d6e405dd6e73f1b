-- A write that has no effect, because a trigger, rule or policy of the app's table swallowed it, is `failed` and
-- completes after the repair; one whose error was chosen by the app, or whose table is locked or was given to a
-- superuser, too. The payment stays.

set client_min_messages = warning;
create role app_owner;
grant create on schema public to app_owner;
select payments.grant_role('app_owner', 'admin');
set role app_owner;
select payments.create_app_tables();
reset role;
select payments.set_credit_benefit('test', 'price_x', 10);
select payments.set_entitlement_benefit('test', 'price_x', 'course');
create procedure buy(name text) language sql as $$
  insert into orders (id, user_id, amount, currency) values (md5(name)::uuid, 'ada', 2000, 'eur');
  insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items, success_url,
                                          cancel_url, metadata, stripe_checkout_session_id)
  values (md5(name)::uuid, 'test', 'payment', 'user', 'ada', '[{"price": "price_x", "quantity": 1}]',
          'https://a.example', 'https://a.example',
          jsonb_build_object('order_id', md5(name)::uuid), 'cs_' || name);
  insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency,
                                        paid_at)
  values ('test', 'one_time_payment', 'succeeded', 'cs_' || name, 2000, 'eur', '2026-01-01 00:00+00');
$$;
create function story(name text) returns table (kind text, state text, attempts int, sqlstate text, reason text)
  language sql as $$
  select f.kind, f.state, f.attempts, f.sqlstate, folded(f.reason, 60) from payments.fulfillments f
   where f.source = 'checkout:' || md5(name)::uuid order by 1
$$;

-- a trigger that returns nothing
create function swallow() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger swallow before insert or update on orders
  for each row when (new.status <> 'pending') execute function swallow();
create trigger swallow before insert on credit_ledger for each row execute function swallow();
create trigger swallow before insert on user_entitlements for each row execute function swallow();
create trigger swallow before insert on fulfillment_jobs for each row execute function swallow();
call buy('swallowed');
select * from story('swallowed');
select payments.adjust_credits('user', 'ada', 5, 'gift');
select payments.retry_fulfillments();
drop trigger swallow on orders;
drop trigger swallow on credit_ledger;
drop trigger swallow on user_entitlements;
drop trigger swallow on fulfillment_jobs;
select payments.retry_fulfillments();
select * from story('swallowed');
select status from orders;
select delta, balance_after from credit_ledger;

-- a rule; and what was never given is not taken back
create rule swallow as on insert to credit_ledger do instead nothing;
create rule swallow as on update to orders do instead nothing;
create rule swallow as on insert to user_entitlements do instead nothing;
call buy('ruled');
select * from story('ruled');
drop rule swallow on credit_ledger;
drop rule swallow on orders;
drop rule swallow on user_entitlements;
update payments.payment_history set status = 'refunded', amount_refunded = 2000
 where stripe_checkout_session_id = 'cs_ruled';
select * from story('ruled');
select delta, balance_after, reason from credit_ledger order by id;

-- an error whose code the app chose, as if the server had been stopped
create function pretend() returns trigger language plpgsql as $$
  begin raise exception 'not today' using errcode = tg_argv[0]; end $$;
create trigger pretend before update on orders for each row execute function pretend('57014');
create trigger pretend before insert on credit_ledger for each row execute function pretend('40001');
create trigger pretend before insert on user_entitlements for each row execute function pretend('53200');
call buy('pretended');
select * from story('pretended');
select count(*) as payments from payments.payment_history where stripe_checkout_session_id = 'cs_pretended';
drop trigger pretend on orders;
drop trigger pretend on credit_ledger;
drop trigger pretend on user_entitlements;
select payments.retry_fulfillments();

-- a table that a superuser owns now
alter table credit_ledger owner to postgres;
call buy('given_away');
select * from story('given_away');
select payments.adjust_credits('user', 'ada', 5, 'gift');
alter table credit_ledger owner to app_owner;
select payments.retry_fulfillments();
select * from story('given_away');

-- an isolation level that hides what others write
begin isolation level repeatable read;
call buy('repeatable');
select * from story('repeatable');
commit;
begin isolation level serializable;
select payments.spend_credits('user', 'ada', 1, 'hidden');
rollback;
select payments.retry_fulfillments();
select * from story('repeatable');
select sum(delta) = (select balance_after from credit_ledger order by id desc limit 1) as they_agree from credit_ledger;

-- a deferred constraint runs at once for spending too, with the rights of the table's owner
create table told (ran_as name);
grant insert on told to public;
create function tell() returns trigger language plpgsql as $$
  begin insert into told values (current_user); return null; end $$;
create constraint trigger tell after insert on credit_ledger deferrable initially deferred
  for each row execute function tell();
select payments.spend_credits('user', 'ada', 1, 'told');
table told;
