-- What an app (or whoever broke into its role) hangs on its own tables runs with that role's rights and no more: it
-- gains nothing, leaves no setting behind and does not escape to the commit. The same statements run by a superuser
-- without payments are the control: there each of them does harm.

set client_min_messages = warning;
create role app_owner;
create schema app authorization app_owner;
create table app.canary (at serial, hung_on text, ran_as name, superuser boolean, got text);
create table app.arm (armed boolean);
insert into app.arm values (false);
grant all on app.canary, app.canary_at_seq, app.arm to public;
grant usage on schema app to public;

set role app_owner;
create function app.evil(hung_on text) returns boolean language plpgsql as $$
declare
  got text := '';
  attempt text;
begin
  if not (select armed from app.arm) then
    return true;
  end if;
  foreach attempt in array array[
    'set session authorization postgres', 'set role postgres', 'alter role app_owner superuser',
    'create temp table evil (id int)', 'select * from payments_secret.webhook_secrets',
    'delete from payments.fulfillments']
  loop
    begin
      execute attempt;
      got := got || attempt || '; ';
    exception when others then null;
    end;
  end loop;
  perform set_config('work_mem', '123MB', false);
  insert into app.canary (hung_on, ran_as, superuser, got)
  values (hung_on, current_user, (select rolsuper from pg_roles where rolname = current_user), got);
  return true;
end $$;
create function app.evil_immutable(hung_on text) returns boolean language plpgsql immutable as $$
  begin return app.evil(hung_on); end $$;
create function app.evil_trigger() returns trigger language plpgsql as $$
  begin perform app.evil(tg_name); return new; end $$;
create table app.orders (id text primary key, user_id text, status text not null default 'pending', amount bigint,
                         currency text);
create table app.ledger (id bigserial primary key, subject_type text, subject_id text, delta bigint,
                         balance_after bigint,
  reason text, source text unique, whatever boolean);
reset role;
select payments.attach('orders', 'app.orders');
select payments.attach('credit_ledger', 'app.ledger');
select payments.set_credit_benefit('test', 'price_c', 1);

insert into app.orders (id, user_id, amount, currency)
select name, 'ada', 100, 'eur'
  from unnest('{trigger,default,check,policy,generated,index,rule,deferred,further,foreign,view}'::text[]) name;

-- Someone pays for an order; only what happens meanwhile counts.
create procedure buy(name text) language plpgsql as $$
begin
  insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, line_items,
                                          success_url, cancel_url, metadata, stripe_checkout_session_id)
  values (md5(name)::uuid, 'test', 'payment', 'open', 'user', 'ada', '[{"price": "price_c", "quantity": 1}]',
          'https://a.example', 'https://a.example',
          jsonb_build_object('order_id', name), 'cs_' || name);
  truncate app.canary;
  update app.arm set armed = true;
  insert into payments.payment_history (environment, type, status, stripe_checkout_session_id, amount, currency,
                                        paid_at)
  values ('test', 'one_time_payment', 'succeeded', 'cs_' || name, 100, 'eur', '2026-01-01 00:00+00');
end $$;
create function outcome(name text) returns table (kind text, state text, reason text) language plpgsql as $$
begin
  update app.arm set armed = false;
  return query select f.kind, f.state, left(f.reason, 60) from payments.fulfillments f
    where source = 'checkout:' || md5(name)::uuid order by f.kind;
end $$;
create view harm as
  select distinct hung_on, ran_as, superuser, got,
         current_setting('work_mem') = '123MB' as setting_stayed,
         (select rolsuper from pg_roles where rolname = 'app_owner') as app_is_superuser_now
    from app.canary;

-- a trigger
set role app_owner;
create trigger a_trigger before update on app.orders for each row execute function app.evil_trigger();
reset role;
call buy('trigger');
select * from outcome('trigger');
table harm;
alter table app.orders disable trigger a_trigger;

-- a default
alter table app.ledger alter whatever set default app.evil('a default');
call buy('default');
select * from outcome('default');
table harm;
alter table app.ledger alter whatever drop default;

-- a check
alter table app.orders add constraint evil check (app.evil('a check')) not valid;
call buy('check');
select * from outcome('check');
table harm;
alter table app.orders drop constraint evil;

-- a policy, forced upon the owner
alter table app.orders enable row level security, force row level security;
create policy evil on app.orders using (app.evil('a policy'));
call buy('policy');
select * from outcome('policy');
table harm;
drop policy evil on app.orders;
alter table app.orders disable row level security, no force row level security;

-- a generated column
alter table app.orders add made boolean generated always as (app.evil_immutable(status || ' generated')) stored;
call buy('generated');
select * from outcome('generated');
table harm;
alter table app.orders drop made;

-- an expression index
create index evil on app.orders (app.evil_immutable(status || ' indexed'));
call buy('index');
select * from outcome('index');
table harm;
drop index app.evil;

-- a rule
create rule evil as on update to app.orders do also select app.evil('a rule');
call buy('rule');
select * from outcome('rule');
table harm;
drop rule evil on app.orders;

-- a constraint trigger that is left to the commit
create constraint trigger a_deferred_trigger after update on app.orders deferrable initially deferred
  for each row execute function app.evil_trigger();
begin;
call buy('deferred');
select count(*) as before_the_commit from app.canary where hung_on = 'a_deferred_trigger' and ran_as = 'app_owner';
commit;
select * from outcome('deferred');
table harm;

-- one further away: on a table that a trigger of the target writes to. It is refused, not left to the commit.
alter table app.orders disable trigger a_deferred_trigger;
create table app.further (id text);
alter table app.further owner to app_owner;
create constraint trigger further after insert on app.further deferrable initially deferred
  for each row execute function app.evil_trigger();
create function app.go_further() returns trigger language plpgsql as $$
  begin insert into app.further values (new.id); return new; end $$;
create trigger go_further before update on app.orders for each row execute function app.go_further();
call buy('further');
select * from outcome('further');
table harm;
drop trigger go_further on app.orders;

-- a foreign key that is left to the commit: the fulfillment fails, the payment stays, and it completes after the repair
create table app.statuses (status text primary key);
insert into app.statuses values ('pending');
alter table app.statuses owner to app_owner;
alter table app.orders add constraint known_status foreign key (status)
    references app.statuses deferrable initially deferred not valid;
call buy('foreign');
select * from outcome('foreign');
select count(*) as payments from payments.payment_history where stripe_checkout_session_id = 'cs_foreign';
insert into app.statuses values ('paid');
select payments.retry_fulfillments();
select * from outcome('foreign');
select status from app.orders where id = 'foreign';
alter table app.orders drop constraint known_status;

-- a view in the place of the table
drop trigger a_deferred_trigger on app.orders;
alter table app.orders rename to orders_table;
create view app.orders as select id, user_id, status, amount, currency from app.orders_table where app.evil('a view');
alter view app.orders owner to app_owner;
select payments.detach('orders', 'app.orders_table');
select payments.attach('orders', 'app.orders');
call buy('view');
select * from outcome('view');
table harm;

-- What is done in there with our own functions is done on the owner's word: not on that of the superuser who delivers,
-- nor as the user whose claims the session has, or is given.
drop view app.orders;
alter table app.orders_table rename to orders;
select payments.attach('orders', 'app.orders');
grant authenticated to app_owner;
select payments.adjust_credits('user', 'victim', 50, 'k', 'a gift');
set role app_owner;
create table app.words (word text);
create function app.steal() returns trigger language plpgsql as $$
begin
  perform set_config('request.jwt.claims', '{"sub": "victim"}', true);
  insert into app.words
  values (concat_ws(' ', 'user', payments.current_user_id(), 'balance', payments.credit_balance('user', 'victim')));
  perform payments.spend_credits('user', 'victim', 50, 'stolen', 'mine now');
  return new;
end $$;
create trigger steal before update on app.orders for each row execute function app.steal();
reset role;
insert into app.orders (id, user_id, amount, currency) values ('thief', 'ada', 100, 'eur');
call buy('thief');
select * from outcome('thief');
select payments.credit_balance('user', 'victim');
alter function app.steal() rename to peek;
create or replace function app.peek() returns trigger language plpgsql as $$
begin
  perform set_config('request.jwt.claims', '{"sub": "victim"}', true);
  insert into app.words
  values (concat_ws(' ', 'user', payments.current_user_id(), 'balance', payments.credit_balance('user', 'victim')));
  return new;
end $$;
insert into app.orders (id, user_id, amount, currency) values ('peeper', 'ada', 100, 'eur');
call buy('peeper');
select * from outcome('peeper');
table app.words;
drop trigger steal on app.orders;

-- The control: what a projection that simply updates the table as its own user (here a superuser) would have allowed.
create procedure by_hand(statement text) language plpgsql as $$
begin
  alter role app_owner nosuperuser;
  set work_mem = '4MB';
  truncate app.canary;
  update app.arm set armed = true;
  execute statement;
  set constraints all immediate;
  update app.arm set armed = false;
end $$;
alter table app.orders enable trigger a_trigger;
call by_hand($$update app.orders set status = 'paid' where id = 'trigger'$$);
select hung_on, ran_as, superuser, folded(got, 60) as got, setting_stayed, app_is_superuser_now from harm;
alter table app.orders disable trigger a_trigger;
-- the same of the others; only a policy asks nothing of a superuser
create view harm_by_hand as select distinct hung_on, ran_as, superuser, got <> '' as got_something, setting_stayed,
    app_is_superuser_now from harm;
alter table app.ledger alter whatever set default app.evil('a default');
call by_hand($$insert into app.ledger (source) values ('by hand')$$);
table harm_by_hand;
alter table app.orders add constraint evil check (app.evil('a check')) not valid;
call by_hand($$update app.orders set status = 'paid' where id = 'check'$$);
table harm_by_hand;
alter table app.orders drop constraint evil;
alter table app.orders add made boolean generated always as (app.evil_immutable(status || ' generated')) stored;
call by_hand($$update app.orders set status = 'refunded' where id = 'generated'$$);
table harm_by_hand;
alter table app.orders drop made;
create index evil on app.orders (app.evil_immutable(status || ' indexed'));
call by_hand($$update app.orders set status = 'refunded' where id = 'index'$$);
table harm_by_hand;
drop index app.evil;
create rule evil as on update to app.orders do also select app.evil('a rule');
call by_hand($$update app.orders set status = 'paid' where id = 'rule'$$);
table harm_by_hand;
drop rule evil on app.orders;
create constraint trigger a_deferred_trigger after update on app.orders deferrable initially deferred
  for each row execute function app.evil_trigger();
call by_hand($$update app.orders set status = 'paid' where id = 'deferred'$$);
table harm_by_hand;
drop trigger a_deferred_trigger on app.orders;
create view app.seen_orders as select id, status from app.orders where app.evil('a view');
call by_hand($$update app.seen_orders set status = 'paid' where id = 'view'$$);
table harm_by_hand;
