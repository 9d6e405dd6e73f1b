-- Billing and using are two rights: who may pay for a team, and who may use what it bought.
set client_min_messages = warning;
select payments.create_app_tables();
create role app_owner;
create table public.team_members (team_id text, user_id text, role text, primary key (team_id, user_id));
insert into public.team_members values
  ('t1', 'ada', 'owner'), ('t1', 'bob', 'member'), ('t1', 'gus', 'guest'), ('t1', 'eli', null), ('t2', 'eve', 'owner');
alter table public.team_members owner to app_owner;
create procedure look_as(who text, as_ name default 'authenticated') language plpgsql as $$
begin
  perform set_config('request.jwt.claims', json_build_object('sub', who, 'role', as_)::text, true);
  execute format('set local role %I', as_);
end $$;
create procedure protect(roles text[], use_roles text[]) language sql as $$
  select payments.protect_subject_type('team', 'public.team_members', 'team_id', 'user_id',
                                       case when roles is not null then 'role' end, roles, use_roles) $$;
-- What the team t1 has: a subscription, what that gives, credits.
select payments.set_entitlement_benefit('test', 'price_a', 'pro');
insert into payments.subscriptions (environment, stripe_subscription_id, subject_type, subject_id, status,
                                    current_period_end)
values ('test', 'sub_a', 'team', 't1', 'active', '2999-01-01');
insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id,
                                         stripe_price_id, quantity)
values ('test', 'si_a', 'sub_a', 'price_a', 1);
update payments.subscriptions set status = 'trialing';
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'team', 't1', 'cus_a');
select payments.adjust_credits('team', 't1', 10, 'k');
insert into public.orders (user_id, subject_type, subject_id) values ('ada', 'team', 't1');
create view mine with (security_invoker = true) as
  select payments.owns_subject('team', 't1') as bills, payments.may_use_subject('team', 't1') as uses,
         array(select payments.my_subjects('team')) as subjects,
         array(select payments.my_usable_subjects('team')) as usable,
         payments.has_entitlement('pro') as entitled, array(select payments.my_entitlements()) as keys,
         payments.has_active_subscription('team', 't1') as subscribed,
         array(select payments.my_active_subscriptions('team')) as subscriptions,
         payments.credit_balance('team', 't1') as credits,
         array(select payments.my_credit_balances('team')::text) as balances,
         (select string_agg(key, ',') from public.user_entitlements) as entitlements,
         (select string_agg(status, ',') from public.team_billing_status) as billing_status,
         (select count(*) from public.credit_ledger) as ledger, (select count(*) from public.orders) as orders;
grant select on mine to authenticated, anon;
create function everyone() returns table (who text, seen mine) language plpgsql as $$
begin
  foreach who in array array['ada', 'bob', 'gus', 'eli', 'eve', 'zoe'] loop
    call look_as(who);
    return query select everyone.who, m from mine m;
    reset role;
  end loop;
end $$;
create view everybody as
  select s.who, (s.seen).bills, (s.seen).uses, (s.seen).subjects, (s.seen).usable,
         concat_ws(' ', (s.seen).entitled, (s.seen).subscribed, (s.seen).credits) as paywalls,
         concat_ws(' ', (s.seen).keys::text, (s.seen).subscriptions::text, (s.seen).balances::text) as sets,
         concat_ws(' ', (s.seen).entitlements, (s.seen).billing_status, (s.seen).ledger) as "tables",
         (s.seen).orders
    from everyone() s;

-- Nobody said: a user is his own subject, and nobody uses a team.
begin; table everybody; rollback;
begin; call look_as('bob');
select payments.may_use_subject('user', 'bob') as oneself, payments.may_use_subject('user', 'ada') as another,
       array(select payments.my_usable_subjects('user')) as mine;
select payments.may_use_subject(null, 'bob'), payments.may_use_subject('user', null),
       payments.may_use_subject('nothing', 'x'), array(select payments.my_usable_subjects(null)) as none;
rollback;
-- A guest is nobody, and gets an answer.
begin; call look_as('bob', 'anon');
select payments.may_use_subject('user', 'bob'), array(select payments.my_usable_subjects('user')),
       payments.has_entitlement('pro'), array(select payments.my_entitlements()) as keys;
rollback;

-- Owners pay, and every member uses.
call protect('{owner}', null);
table everybody;
-- Owners pay; they and members use.
call protect('{owner}', '{member}');
table everybody;
-- Without roles whoever is a member does both.
call protect(null, null);
table everybody;
call protect('{owner}', null);
select use_roles, use_predicate from payments.subject_types;

-- A member spends the team's credits, and neither pays for it nor looks at its invoices.
begin;
call look_as('bob');
select payments.spend_credits('team', 't1', 3, 'report 1');
savepoint tried;
select payments.spend_credits('team', 't2', 3, 'report 1');
rollback to tried;
select payments.create_checkout_session('test', 'subscription', '[{"price": "price_a", "quantity": 1}]',
  'https://a.example', 'https://a.example', 'team', 't1');
rollback to tried;
select payments.create_customer_portal_session('test', 'team', 't1');
rollback to tried;
insert into payments.customer_portal_sessions (environment, subject_type, subject_id) values ('test', 'team', 't1');
rollback to tried;
call look_as('ada');
select status from payments.create_customer_portal_session('test', 'team', 't1');
select status from payments.create_checkout_session('test', 'subscription', '[{"price": "price_b", "quantity": 1}]',
  'https://a.example', 'https://a.example', 'team', 't1');
call look_as('bob');
select (select count(*) from payments.checkout_sessions) as checkouts,
       (select count(*) from payments.customer_portal_sessions) as portals;
call look_as('zoe');
select payments.spend_credits('team', 't1', 1, 'report 2');
rollback;
-- A backend asks for a member.
begin; set local role service_role;
select u, payments.has_entitlement('pro', u), array(select payments.entitlements_of(u)) as keys
  from unnest('{ada,bob,eve,zoe}'::text[]) u;
rollback;

-- The app's own policies: one look-up for each statement, hashed, whatever the size of the table.
create table public.pages as
  select case when n % 1000 = 0 then 't1' else 'x' || n end as team_id from generate_series(1, 20000) n;
alter table public.pages enable row level security;
create policy used on public.pages for select using (team_id in (select payments.my_usable_subjects('team')));
grant select on public.pages to authenticated;
analyze public.pages;
begin;
call look_as('bob');
select public.plan('select count(*) from public.pages');
select count(*) from public.pages;
select public.plan('select * from public.team_billing_status');
select public.plan('select * from public.credit_ledger');
rollback;
-- Both rights in one statement, each with its own answer.
begin;
call look_as('bob');
select r, payments.owns_subject('team', 't1') as bills, payments.may_use_subject('team', 't1') as uses
  from generate_series(1, 2) r;
rollback;
-- A membership that ends, or that was rolled back, uses nothing; in one transaction, too.
begin;
delete from public.team_members where user_id = 'bob';
savepoint joined;
insert into public.team_members values ('t1', 'zoe', 'member');
call look_as('zoe'); select payments.may_use_subject('team', 't1') as joined;
rollback to joined;
call look_as('zoe'); select payments.may_use_subject('team', 't1') as undone;
call look_as('bob'); select payments.may_use_subject('team', 't1') as left_it;
rollback;

-- The app's own functions: one for billing, another for using.
create function public.may_bill(user_id text, subject_id text) returns boolean language sql as $$
  select user_id = 'ada' and subject_id in ('acme', 'both') $$;
create function public.may_use(user_id text, subject_id text) returns boolean language plpgsql as $$
begin
  if subject_id = 'error' then raise exception 'a resolver that errors'; end if;
  return case when subject_id = 'null' then null else user_id = 'bob' and subject_id <> 'both' end;
end $$;
alter function public.may_bill(text, text) owner to app_owner;
alter function public.may_use(text, text) owner to app_owner;
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
select 'test', 'org', o, 'cus_' || o from unnest('{acme,both,error,"null",only}'::text[]) o;
create view asked as
  select o.id, payments.owns_subject('org', o.id) as bills, payments.may_use_subject('org', o.id) as uses,
         o.id in (select payments.my_subjects('org')) as subjects,
         o.id in (select payments.my_usable_subjects('org')) as usable
    from unnest('{acme,both,error,"null",only,unknown}'::text[]) o (id);
grant select on asked to authenticated;
-- One function: whoever may bill may use.
select payments.protect_subject_type('org', 'public.may_bill(text,text)');
begin; call look_as('ada'); table asked; rollback;
begin; call look_as('bob'); select bool_or(bills or uses or subjects or usable) from asked; rollback;
select payments.protect_subject_type('org', 'public.may_bill(text,text)', 'public.may_use(text,text)');
select predicate, owner, use_predicate, use_owner, use_said_by_superuser from payments.subject_types
 where subject_type = 'org';
begin; call look_as('ada'); table asked; rollback;
begin; call look_as('bob'); table asked; rollback;
begin; call look_as('bob');
select payments.create_checkout_session('test', 'subscription', '[{"price": "price_a", "quantity": 1}]',
  'https://a.example', 'https://a.example', 'org', 'only'); rollback;
-- After it changed hands, was taken by a namesake, or is gone, it denies; who may bill still uses.
alter function public.may_use(text, text) owner to project_admin;
begin; call look_as('bob'); select bool_or(uses or usable) as given_away from asked; rollback;
alter function public.may_use(text, text) owner to current_user;
begin; call look_as('bob'); select bool_or(uses or usable) as a_superusers from asked; rollback;
drop function public.may_use(text, text);
begin; call look_as('bob'); select bool_or(uses or usable) as gone from asked; rollback;
begin; call look_as('ada'); select id from asked where uses and usable; rollback;

-- What cannot be registered: the second function is judged as the first.
create function public.of_a_superuser(text, text) returns boolean language sql as 'select true';
create function public.of_the_admin(text, text) returns boolean language sql as 'select true';
alter function public.of_the_admin(text, text) owner to project_admin;
begin; set local role project_admin;
select payments.protect_subject_type('org', 'public.of_the_admin(text,text)', 'public.of_a_superuser(text,text)');
rollback;
begin; set local role project_admin;
select payments.protect_subject_type('org', 'public.of_the_admin(text,text)', 'public.may_bill(text,text)');
rollback;
select payments.protect_subject_type('org', 'public.of_the_admin(text,text)', 'pg_catalog.lower(text)');
select payments.protect_subject_type('org', 'public.of_the_admin(text,text)', 'pg_catalog.texteq(text,text)');
-- What a superuser owns runs as that superuser on a superuser's word, and on that of the function alone.
select payments.protect_subject_type('org', 'public.of_the_admin(text,text)', 'public.of_a_superuser(text,text)');
select said_by_superuser, use_said_by_superuser from payments.subject_types where subject_type = 'org';
begin; call look_as('zoe'); select payments.may_use_subject('org', 'acme') as on_his_word; rollback;
select payments.protect_subject_type('org', 'public.of_the_admin(text,text)', 'public.of_the_admin(text,text)');
alter function public.of_the_admin(text, text) owner to current_user;
begin; call look_as('zoe');
select payments.may_use_subject('org', 'acme') as without, payments.owns_subject('org', 'acme'); rollback;
-- Of a type that was registered as a function before, nothing is left of it.
select payments.protect_subject_type('org', 'public.team_members', 'team_id', 'user_id');
select predicate, use_predicate, use_owner, use_said_by_superuser from payments.subject_types
 where subject_type = 'org';
select payments.unprotect_subject_type('org');
begin; call look_as('bob'); select payments.may_use_subject('org', 't1') as forgotten; rollback;
call protect(null, '{member}');
call protect('{owner}', '{}');
call protect('{owner}', array['member', null]);
