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
set client_min_messages = error;
create publication shop_payments for table payments.payment_history;
