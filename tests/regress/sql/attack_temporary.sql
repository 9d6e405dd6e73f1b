-- Temporary objects of a caller's own stand behind everything else, wherever we act as another role: a domain that
-- bears the name of a type, a table that bears the name of one of the app's. Each attack in a session of its own, since
-- a kept plan would hide it.
\getenv here PG_ABS_SRCDIR
\set evil :here '/attacks/evil.psql'
set client_min_messages = warning;
create role attack_app;
grant create on schema public to attack_app;
set role attack_app;
create table public.org_members (org_id text, user_id text);
create table public.audit (note text);
create function public.may_bill_org(user_id text, subject_id text) returns boolean language plpgsql as
  $$ begin return exists (select from org_members o where o.org_id = $2 and o.user_id = $1); end $$;
create function public.note() returns trigger language plpgsql security definer as
  $$ begin insert into audit values (tg_op); return null; end $$;
create table public.ledger (id bigint generated always as identity, subject_type text, subject_id text, delta bigint,
                            balance_after bigint,
  reason text, source text unique);
reset role;
select payments.protect_subject_type('org', 'public.may_bill_org(text,text)');
select payments.attach('credit_ledger', 'public.ledger');
select payments.adjust_credits('user', 'mallory', 5, 'gift');
create trigger note after insert on payments.customers for each row execute function public.note();

-- An admin: the webhook secrets' table is a superuser's.
\c
set client_min_messages = warning;
set session authorization project_admin;
\i :evil
create domain pg_temp.timestamptz as pg_catalog.timestamptz check (pg_temp.evil(value::pg_catalog.text));
create domain pg_temp.interval as pg_catalog.interval check (pg_temp.evil(value::pg_catalog.text));
create domain pg_temp.text as pg_catalog.text check (pg_temp.evil(value));
select payments.set_webhook_secret('test', 'whsec_first'::pg_catalog.text);
select payments.set_webhook_secret('test', 'whsec_second'::pg_catalog.text);

-- A guest: the key of a session is moved by its owner.
\c
set client_min_messages = warning;
set session authorization anon;
\i :evil
create domain pg_temp.uuid as pg_catalog.uuid check (pg_temp.evil(value::pg_catalog.text));
create domain pg_temp.text as pg_catalog.text check (pg_temp.evil(value));
create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.evil(value::pg_catalog.text));
select count(*)
  from payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/',
                                        'https://a.example/', idempotency_key => 'k');
select count(*)
  from payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/',
                                        'https://a.example/', idempotency_key => 'k');

-- A member: the ledger's owner writes what is spent, the predicate's owner is asked.
\c
set client_min_messages = warning;
set role authenticated;
set request.jwt.claims = '{"sub": "mallory"}';
\i :evil
create domain pg_temp.text as pg_catalog.text check (pg_temp.evil(value));
create domain pg_temp.bigint as pg_catalog.int8 check (pg_temp.evil(value::pg_catalog.text));
create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.evil(value::pg_catalog.text));
select payments.spend_credits('user', 'mallory', 1, 'spent'), payments.credit_balance('user', 'mallory');
select payments.owns_subject('org', 'acme');

-- A backend that hears of an event, and one that records what Stripe answered.
\c
set client_min_messages = warning;
set session authorization project_admin;
\i :evil
create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.evil(value::pg_catalog.text));
create domain pg_temp.text as pg_catalog.text check (pg_temp.evil(value));
create domain pg_temp.json as pg_catalog.json check (pg_temp.evil(value::pg_catalog.text));
create domain pg_temp.timestamptz as pg_catalog.timestamptz check (pg_temp.evil(value::pg_catalog.text));
select payments.apply_stripe_event('test',
                                   '{"id": "evt_1", "object": "event", "type": "customer.created",
                                     "created": 1752000000, "livemode": false,
                                     "data": {"object": {"id": "cus_1", "object": "customer", "created": 1752000000}}}')
       operator(pg_catalog.->>) 'status' as status;
insert into payments.checkout_sessions (id, environment, mode, line_items, success_url, cancel_url)
values ('00000000-0000-4000-8000-000000000001', 'test', 'payment', '[{"price": "p", "quantity": 1}]',
        'https://a.example/', 'https://a.example/');
select payments.record_stripe_error('00000000-0000-4000-8000-000000000001', 'no')
       operator(pg_catalog.->>) 'status' as status;
select payments.record_stripe_response('00000000-0000-4000-8000-000000000001',
                                       '{"id": "cs_1", "object": "checkout.session", "livemode": false}')
       operator(pg_catalog.->>) 'status' as status;
select payments.replay_events('test', array['evt_1']);

-- A predicate of the app's that leaves a search_path behind: our own statements after it do not run under it.
\c
set client_min_messages = warning;
set role attack_app;
create function public.leaves_a_path(user_id text, subject_id text) returns boolean language plpgsql as
  $$ begin perform set_config('search_path', 'pg_temp, public, pg_catalog', false); return true; end $$;
reset role;
select payments.protect_subject_type('loose', 'public.leaves_a_path(text,text)');
set role authenticated;
set request.jwt.claims = '{"sub": "mallory"}';
\i :evil
create domain pg_temp.text as pg_catalog.text check (pg_temp.evil(value));
create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.evil(value::pg_catalog.text));
create domain pg_temp.json as pg_catalog.json check (pg_temp.evil(value::pg_catalog.text));
select status
  from payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/',
                                        'https://a.example/', 'loose', 'l1', idempotency_key => 'loose');
show search_path;

-- Temporary tables in the place of the app's.
\c
set client_min_messages = warning;
set role authenticated;
set request.jwt.claims = '{"sub": "mallory"}';
create temp table org_members (org_id text, user_id text);
insert into org_members values ('acme', 'mallory');
grant select on org_members to public;
select payments.owns_subject('org', 'acme'), (select count(*) from payments.my_subjects('org'));
select payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/',
                                        'https://a.example/', 'org', 'acme');

\c
set client_min_messages = warning;
set session authorization project_admin;
create temp table audit (note text);
grant all on audit to public;
select payments.apply_stripe_event('test',
                                   '{"id": "evt_2", "object": "event", "type": "customer.created",
                                     "created": 1752000000, "livemode": false,
                                     "data": {"object": {"id": "cus_2", "object": "customer", "created": 1752000000}}}')
       ->> 'status' as status;
select count(*) as went_astray from audit;

\c - postgres
select note, count(*) from public.audit group by 1;
select rolname from pg_roles
 where rolsuper and rolname in ('project_admin', 'anon', 'authenticated', 'attack_app', 'payments_owner');
drop owned by attack_app cascade;
