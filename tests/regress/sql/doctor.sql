-- What is broken is found, what the doctor says mends it does, and then the doctor is content.
\getenv here PG_ABS_SRCDIR
\set mend :here '/doctor/mend.psql'
\o /dev/null
set timezone = 'UTC';
grant create on schema public to project_admin;
set role project_admin;
select payments.create_app_tables();
create table public.members (team text not null, member text not null, primary key (team, member));
create index members_member_idx on public.members (member);
create function public.may_bill(text, text) returns boolean language sql as $$ select $1 = $2 $$;
select payments.protect_subject_type('team', 'public.members', 'team', 'member');
select payments.protect_subject_type('club', 'public.may_bill(text,text)'::regprocedure);
select payments.set_webhook_secret('test', 'whsec_of_the_story');
select payments.set_stripe_account('test', 'acct_1');
select payments.set_credit_benefit('test', 'price_1', 10);
reset role;
\o
-- A fix may leave a word to fill in. What tells of times or of the server is cut out.
create view sick as
select check_name, regexp_replace(detail, '\w{3} \w{3} \d+ [0-9:.]+ \d{4} \w+|@ [0-9.a-z ]+ ago', '…', 'g') as detail,
       replace(replace(fix, 'whsec_…', 'whsec_another'), 'acct_…', 'acct_1') as fix
  from payments.doctor() where not ok;

-- The server of the tests may lose rows; that is all.
\i :mend
select pg_reload_conf(), pg_sleep(0.3) \g /dev/null
select check_name as still_sick from sick;

-- Every check is listed, with its word.
select check_name, ok, fix,
       public.folded(regexp_replace(detail, '\w{3} \w{3} \d+ [0-9:.]+ \d{4} \w+', '…', 'g'), 80) as detail
  from payments.doctor() where check_name not in ('event types', 'settings');

-- It knows each relation, index, view, trigger, policy and check of ours. Policies of admins come with grant_role().
select c.oid::regclass from pg_class c
 where c.relnamespace in (select payments.table_schemas()) and c.relkind in ('r', 'v')
   and c.oid not in (select payments.own_relations());
select c.oid::regclass from pg_index i join pg_class c on c.oid = i.indexrelid
 where i.indrelid in (select payments.own_relations())
   and c.relname not in (select o.name from payments.own_indexes() o);
select c.oid::regclass, payments.view_digest(c.oid) from pg_class c
 where c.relnamespace in (select payments.table_schemas()) and c.relkind = 'v'
   and (c.oid, payments.view_digest(c.oid)) not in (select o.relation::regclass, o.digest from payments.own_views() o);
select t.tgrelid::regclass, t.tgname
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
 where c.relnamespace in (select payments.table_schemas()) and p.pronamespace = 'payments'::regnamespace
   and not t.tgisinternal
   and (t.tgrelid::regclass::text, t.tgname) not in (select o.relation, o.name from payments.own_triggers() o);
select p.polrelid::regclass, p.polname
  from pg_policy p join pg_class c on c.oid = p.polrelid
 where c.relnamespace in (select payments.table_schemas()) and p.polname !~ '^admin_'
   and (p.polrelid, p.polname) not in (select o.relation, o.name from payments.own_policies() o);
select p.proname from pg_proc p
 where p.proname ~ '^doctor_' and p.proname not in ('doctor_checks', 'doctor_body')
   and p.proname not in (select c.function from payments.doctor_checks() c);

-- Triggers: disabled, altered, gone; ours and those of attached tables; on the tables and of the database.
alter table payments.checkout_sessions disable trigger payments_guard;
alter table payments.prices enable trigger invalidate_caches_of_change;
drop trigger payments_session_linked on payments.checkout_sessions;
drop trigger invalidate_caches on payments_registry.attachments;
drop trigger project_payments_inserted on payments.payment_history;
create or replace trigger payments_truncate before truncate on payments.facts for each statement
  execute function payments.touch_updated_at();
\i :mend
alter event trigger payments_grants disable;
\i :mend

-- Row security and policies.
alter table payments.facts no force row level security;
alter table payments_registry.subject_types no force row level security;
alter table payments_secret.webhook_secrets disable row level security;
\i :mend
drop policy payments on payments.products;
drop policy payments_registrar on payments_registry.attachments;
drop policy guest_insert on payments.checkout_sessions;
drop policy subject_type_club_select on payments.checkout_sessions;
drop policy admin_service_role on payments.products;
alter policy payments on payments.prices to payments_owner;
\i :mend
-- Policies that are there, and let in whom they should not.
alter policy own_select on payments.checkout_sessions using (true);
alter policy own_insert on payments.subscription_requests with check (true);
alter policy subject_type_team_select on payments.checkout_sessions using (subject_type = 'team');
alter policy admin_project_admin on payments.products to public;
drop policy guest_select on payments.checkout_sessions;
create policy guest_select on payments.checkout_sessions as restrictive for select
    using (guest and updated_at = now() and guest_transaction = pg_current_xact_id_if_assigned()::text::bigint);
create policy peek on payments_secret.webhook_secrets using (true);
\i :mend
select p.polname from pg_policy p where p.polrelid = 'payments_secret.webhook_secrets'::regclass;

-- Constraints and indexes that are gone or altered, and views that say something else.
alter table payments.subscriptions drop constraint subscriptions_stripe_subscription_id_environment_key;
alter table payments_registry.subject_types drop constraint subject_types_pkey;
drop index payments.checkout_sessions_waiting_idx;
drop index payments.payment_history_refund_idx;
create index payment_history_refund_idx on payments.payment_history (stripe_refund_id);
alter view payments.my_invoices reset (security_barrier);
\i :mend
create or replace view payments.my_payment_methods with (security_barrier = true) as
select p.environment, p.stripe_payment_method_id, 'x'::text as subject_type, 'y'::text as subject_id, p.type, p.brand,
       p.last4, p.exp_month, p.exp_year, p.is_default from payments.payment_methods p;
\i :mend
drop view payments.review;
\i :mend
select c.relowner::regrole, r.role, has_table_privilege(r.role, c.oid, 'select')
  from pg_class c cross join unnest('{payments_definer,project_admin,authenticated}'::text[]) as r (role)
 where c.oid = 'payments.review'::regclass;

-- Somebody else's table in our schema, and names that would end a quoted text: nothing of it is ours to mend.
create role squatter nologin;
grant create on schema payments to squatter;
set role squatter;
create table payments."a$fix$; alter role squatter superuser; do $fix$" (updated_at timestamptz);
reset role;
select check_name, folded(detail) as detail from sick;
drop table payments."a$fix$; alter role squatter superuser; do $fix$";
\i :mend
drop role squatter;

-- Who can run a fix: an admin who tries what only a superuser can is refused, and does not believe that it is done.
grant select on payments.facts to public;
select fix as revoking from sick where check_name = 'grants' \gset
set role project_admin;
:revoking;
reset role;
:revoking;
select count(*) from sick where check_name = 'grants';

-- Tables: another owner, unlogged.
alter table payments.products owner to project_admin;
alter schema payments_registry owner to project_admin;
alter table payments.prices set unlogged;
\i :mend

-- Privileges: too many, and too few.
create role reporting nologin;
grant all on all tables in schema payments to anon, reporting;
grant select on payments.webhook_events to public;
grant execute on function payments.approve_live(text) to anon;
grant usage, create on schema payments to reporting;
grant usage on schema payments_secret to reporting;
grant usage on schema payments_registry to reporting;
grant select on payments_registry.subject_types to public;
\i :mend
revoke all on payments.checkout_sessions from authenticated;
\i :mend
set role authenticated;
select count(*) from payments.checkout_sessions;
reset role;

-- Our roles, and those that are trusted.
alter role payments_definer login createdb;
grant payments_owner to reporting;
\i :mend
select payments.grant_role('anon', 'gateway');
grant service_role to authenticated;
\i :mend

-- Publications that take the secrets along. That wal_level is too low for them is told in other words by each version.
set client_min_messages = error;
create publication everything for all tables;
create publication secrets for table payments_secret.webhook_secrets;
create publication secret_schema for tables in schema payments_secret;
\i :mend
select pubname, schemaname, count(*) > 0 as published from pg_publication_tables where schemaname like 'payments%'
 group by 1, 2 order by 1, 2;
drop publication everything, secrets, secret_schema;
reset client_min_messages;

-- Settings: of this session, of the database and of the role.
set log_statement = 'all';
set session_replication_role = 'replica';
\i :mend
alter database :DBNAME set synchronous_commit = off;
alter database :DBNAME set log_min_duration_statement = 0;
alter database :DBNAME set default_transaction_isolation = 'serializable';
alter role postgres set log_parameter_max_length_on_error = -1;
\c
create temporary table said as select check_name, detail, fix from sick;
select public.folded(detail, 80) as detail, public.folded(fix, 80) as fix from said order by 1;
\set ECHO none
select fix from said \gexec
\set ECHO all
\c
select check_name as still_sick from sick;
alter role postgres reset log_parameter_max_length_on_error;

-- Attached tables: a column gone, another type, an index gone, a superuser's, gone.
alter table public.orders drop column amount_refunded, alter column amount type text;
alter table public.credit_ledger drop constraint credit_ledger_source_key;
alter table public.user_entitlements owner to postgres;
drop table public.fulfillment_jobs;
\i :mend
select payments.detach('credit_ledger', 'public.credit_ledger');
drop table public.credit_ledger;
\i :mend

-- Types of subjects: no index, a superuser's table, columns and functions that are gone or another's.
drop index public.members_member_idx;
\i :mend
alter table public.members owner to postgres;
alter function public.may_bill(text, text) owner to postgres;
\i :mend
alter function public.may_bill(text, text) owner to project_admin;
set role project_admin;
select payments.protect_subject_type('club', 'public.may_bill(text,text)'::regprocedure);
reset role;
alter table public.members rename member to person;
drop function public.may_bill(text, text);
\i :mend
set role project_admin;
create view public.crew as select team, person from public.members;
select payments.protect_subject_type('crew', 'public.crew', 'team', 'person');
alter view public.crew set (security_invoker);
reset role;
\i :mend
drop view public.crew;
\i :mend

-- Stripe: no secret, one that ends, no account, live closed, events of the other mode.
delete from payments_secret.webhook_secrets;
delete from payments.stripe_connections;
\i :mend
update payments_secret.webhook_secrets set valid_until = now() + interval '1 day';
update payments.stripe_connections set wrong_livemode_count = 3, wrong_livemode_at = now();
\i :mend
insert into payments.prices (environment, stripe_price_id, active) values ('live', 'price_live', true);
select payments.set_webhook_secret('live', 'whsec_of_live');
\i :mend

-- Events: failed, or types that never come.
create function public.refuse() returns trigger language plpgsql as $$ begin raise 'not today'; end $$;
create trigger refuse before insert on payments.products for each row execute function public.refuse();
select payments.apply_stripe_event('test', '{"id": "evt_1", "object": "event", "type": "product.created",
  "livemode": false,
  "created": 1752000000, "data": {"object": {"id": "prod_1", "object": "product", "name": "Book", "active": true}}}')
    ->> 'status' as status;
drop trigger refuse on payments.products;
\i :mend
insert into payments.webhook_events (environment, stripe_event_id, event_type, processing_status, received_at)
values ('test', 'evt_old', 'invoice.paid', 'processed', now() - interval '2 days');
select folded(detail) as detail, fix from sick;
delete from payments.webhook_events where stripe_event_id = 'evt_old';

-- Sessions: unsent, and open for longer than Stripe keeps one open.
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url, created_at, status,
                                        stripe_checkout_session_id)
select 'test', 'payment', '[{"price": "price_1", "quantity": 1}]', 'https://a.example/', 'https://a.example/',
       now() - age, status, id
  from (values (interval '2 hours', 'initialized', null), ('2 days', 'initialized', null), ('2 days', 'open', 'cs_1'))
    as s (age, status, id);
\i :mend
delete from payments.checkout_sessions;
-- A request about a subscription is sent however old it is, unless it may have been sent before.
insert into payments.subscriptions (environment, stripe_subscription_id, status, subject_type, subject_id)
values ('test', 'sub_1', 'active', 'user', 'ada');
insert into payments.subscription_requests (environment, stripe_subscription_id, action, created_at)
values ('test', 'sub_1', 'cancel', now() - interval '9 days'), ('test', 'sub_1', 'resume', now() - interval '9 days');
insert into payments.request_leases (session_id, environment, attempt, first_claimed_at, due_at)
select id, 'test', 1, now() - interval '2 days', now() - interval '2 days' from payments.subscription_requests
 where action = 'cancel';
\i :mend
select action, status, last_error from payments.subscription_requests order by action;
delete from payments.subscription_requests;
delete from payments.subscriptions;

-- Customers: of what two sessions say of one customer, the earlier word is confirmed.
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id,
                                               evidence_created, evidence_event_id)
values ('test', 'user', 'ada', 'cus_1', 1752000000, 'evt_ada');
insert into payments.mapping_claims (environment, stripe_checkout_session_id, subject_type, subject_id,
                                     stripe_customer_id, evidence_created, evidence_event_id)
values ('test', 'cs_ada', 'user', 'ada', 'cus_1', 1752000000, 'evt_ada'),
       ('test', 'cs_bob', 'user', 'bob', 'cus_1', 1752000001, 'evt_bob');
\i :mend

-- Fulfillments and money that a person must look at, and a backfill that failed: what mends them is not for us to say.
insert into payments.fulfillments (environment, source, kind, target_table, item, state, reason)
values ('test', 'checkout:1', 'orders', 'public.orders', 'ord_1', 'failed', 'no table');
insert into payments.payment_history (environment, type, status, amount, currency)
values ('test', 'one_time_payment', 'succeeded', 4900, 'usd');
update payments.stripe_connections set last_sync_status = 'failed', last_sync_error = 'the key was revoked'
 where environment = 'test';
select check_name, folded(detail) as detail, fix from sick;
delete from payments.fulfillments;
delete from payments.payment_history;
update payments.stripe_connections set last_sync_status = 'succeeded';

-- Versions.
begin;
update pg_extension set extversion = '0.0.1' where extname = 'payments';
select detail, fix from sick;
rollback;

-- A table that is gone: no check raises, those that cannot run say so, and the fix makes it anew. The secrets go.
drop table payments.credit_lots;
alter table payments.facts rename to facts_elsewhere;
alter table payments.facts_elsewhere set schema public;
select check_name, folded(detail) as detail from sick where check_name in ('tables', 'unfulfilled payments');
alter table public.facts_elsewhere set schema payments;
alter table payments.facts_elsewhere rename to facts;
create temporary table said as select fix from sick where check_name = 'tables';
drop view sick;
\set ECHO none
select fix from said \gexec
\set ECHO all
select check_name, detail from payments.doctor() where not ok;

-- Who may ask.
set role authenticated;
select count(*) from payments.doctor();
reset role;
alter system reset all;
