-- What an app hangs on our tables. A trigger that fires while a dump is restored would show in public.canary.

create role shop_reader;
create table public.canary (at timestamptz not null default now(), what text not null);

create function public.note_payment() returns trigger language plpgsql security definer as $$
begin
  insert into public.canary (what) values (tg_op || ' ' || new.type || ' ' || new.status);
  return new;
end
$$;

create function public.note_event() returns trigger language plpgsql security definer as $$
begin
  insert into public.canary (what) values (tg_op || ' ' || new.event_type);
  return new;
end
$$;

create trigger shop_notes_payments after insert or update on payments.payment_history
  for each row execute function public.note_payment();
create trigger shop_notes_events after insert or update on payments.webhook_events
  for each row when (new.processing_status = 'processed') execute function public.note_event();

alter table payments.payment_history enable row level security;
create policy shop_readers_see_paid on payments.payment_history for select to shop_reader using (status = 'succeeded');
create index shop_payment_description on payments.payment_history (lower(description));
grant select (status, amount, currency) on payments.payment_history to shop_reader;
grant usage on schema payments to shop_reader;
-- Roles of its own, and a type of subject that one of them asks to pay for.
create role shop_guest;
create role shop_member;
create role shop_backend;
create role shop_hook;
create role shop_pool;
create role shop_fired;
select payments.grant_role(r, w) from (values ('shop_guest'::regrole, 'guest'), ('shop_member', 'member'), ('shop_backend', 'admin'),
  ('shop_hook', 'webhook'), ('shop_pool', 'gateway'), ('shop_fired', 'webhook')) as g(r, w);
revoke usage on schema payments from shop_fired;
revoke execute on all functions in schema payments from shop_fired;
-- Taken from one whom the install script gives it.
revoke execute on function payments.credit_balance(text, text) from anon;
create table public.shop_members (team_id uuid, user_id text, role text);
insert into public.shop_members values ('11111111-1111-1111-1111-111111111111', 'ada', 'owner'),
  ('11111111-1111-1111-1111-111111111111', 'bob', 'member'), ('11111111-1111-1111-1111-111111111111', 'gus', 'guest');
select payments.protect_subject_type('team', 'public.shop_members', 'team_id', 'user_id', 'role', array['owner'], array['member']);
create function public.shop_may_bill(user_id text, subject_id text) returns boolean language sql as $$ select $1 = $2 $$;
create function public.shop_may_use(user_id text, subject_id text) returns boolean language sql as $$ select $1 = 'bob' $$;
select payments.protect_subject_type('guild', 'public.shop_may_bill(text,text)', 'public.shop_may_use(text,text)');
set client_min_messages = error;
create publication shop_payments for table payments.payment_history;
