#!/usr/bin/env bash
# A trigger of an admin runs as payments_definer, and writes rows of ours that only a superuser may write: that what he owns may
# run as him. Afterwards nothing of the admin may run as the superuser.
. "$(dirname "$0")/../attack.sh"
cat > "$SCRATCH/set_up.sql" <<'S'
create role evil login;
grant create on schema public to evil;
select payments.grant_role('evil', 'admin');
set role evil;
create sequence public.ran;
grant all on public.ran to public;
create function public.shown(team text) returns text language plpgsql as $$
begin
  perform nextval('public.ran');
  begin execute 'alter role evil superuser'; exception when others then null; end;
  return team;
end $$;
create type public.team_role as enum ('owner', 'member');
create function public.as_text(public.team_role) returns text language plpgsql as $$ begin return public.shown('owner'); end $$;
create cast (public.team_role as text) with function public.as_text(public.team_role);
create function public.hook_of_evil() returns trigger language plpgsql as $$ begin perform public.shown('x'); return new; end $$;
reset role;
-- What a superuser created in good faith, although it uses functions of the app.
create table public.members (team text, member text, role public.team_role);
insert into public.members values ('t1', 'ada', 'owner');
create view public.members_view as select public.shown(team) as team, member from public.members;
create table public.orders_of_superuser (like public.orders including all);
create trigger hook before update on public.orders_of_superuser for each row execute function public.hook_of_evil();
insert into public.orders_of_superuser (id, user_id, environment, amount, currency)
select md5(n::text)::uuid, 'ada', 'test', 100, 'usd' from generate_series(1, 2) n;
grant select on public.members, public.members_view to public;
create table public.said (what text, result text);
grant all on public.said to public;
create function public.hook() returns trigger language plpgsql as $$
declare
  attempt text;
  result text;
begin
  foreach attempt in array array[
    $x$insert into payments_registry.subject_types (subject_type, members, subject_column, user_column, owner, said_by_superuser)
       values ('team', 'public.members_view', 'team', 'member', 'postgres', true)$x$,
    $x$insert into payments_registry.subject_types (subject_type, members, subject_column, user_column, role_column, roles, owner, said_by_superuser)
       values ('crew', 'public.members', 'team', 'member', 'role', array['owner'], 'postgres', true)$x$,
    $x$update payments_registry.attachments set target = 'public.orders_of_superuser', superuser_owner = true where kind = 'orders'$x$,
    $x$update payments.attachments set superuser_owner = true where kind = 'orders'$x$]
  loop
    begin
      execute attempt;
      result := 'done';
    exception when others then
      result := 'refused: ' || sqlerrm;
    end;
    insert into public.said values (attempt, result);
  end loop;
  return new;
end $$;
alter function public.hook() owner to evil;
S
q -f "$SCRATCH/set_up.sql"
q -U evil -c "create trigger hook before insert on payments.customers for each row execute function public.hook()"
q -c "select public.customer('a')"
q -c "select left(what, 80), result from public.said" -c "select subject_type, owner, said_by_superuser from payments.subject_types" -c "select kind, target, superuser_owner from payments.attachments" | sed 's/^/# /'
gained() { is_true "select rolsuper from pg_roles where rolname = 'evil'"; local was=$?; q -c "alter role evil nosuperuser"; return $was; }
# Asked by a payer, and by a superuser on behalf of one.
asked() {
  q -c "set request.jwt.claims = '{\"sub\":\"ada\"}'" -c "select payments.my_subjects('team')" -c "select payments.my_usable_subjects('team')" -c "select payments.my_subjects('crew')"
  by '-c role=authenticated -c request.jwt.claims={"sub":"ada","role":"authenticated"}' -c "select payments.my_subjects('team')" -c "select payments.my_usable_subjects('team')" -c "select payments.my_subjects('crew')"
  gained
}
attack "a registered relation of a superuser's runs the admin's function as him" asked
bought() { q -c "select public.buy('$1', '$2')"; gained; }
attack "an attached table of a superuser's runs the admin's function as him" bought b1 "$(printf 1 | md5sum | cut -c1-32)"

q -c "drop trigger hook on payments.customers"
q -c "delete from payments.subject_types" -c "select payments.protect_subject_type('team', 'public.members_view', 'team', 'member')" -c "select payments.protect_subject_type('crew', 'public.members', 'team', 'member', 'role', array['owner'])"
control "a superuser registers that table" asked
q -c "select payments.attach('orders', 'public.orders_of_superuser', '{\"allow_superuser_owner\": true}')"
control "a superuser attaches that table" bought b2 "$(printf 2 | md5sum | cut -c1-32)"
