#!/usr/bin/env bash
# A trigger of an admin on our tables runs as payments_definer, and tries every DDL on every object of ours while a superuser
# calls. The catalogs must be the same before and after: an error alone proves nothing.
. "$(dirname "$0")/../attack.sh"
q -c "create role evil login" -c "grant project_admin to evil"
q -f "$here/sql/ddl.sql"
snapshot() { q -f "$here/sql/snapshot.sql" > "$SCRATCH/$1"; }
roles() { q -d postgres -f "$here/sql/roles.sql" > "$SCRATCH/$1"; }
differ() { ! diff "$SCRATCH/$1" "$SCRATCH/$2" > "$SCRATCH/differences" && head -c 3000 "$SCRATCH/differences"; }
outcomes() { q -c "select outcome, count(*) from public.ddl group by 1 order by 2 desc" \
  -c "select statement from public.ddl where outcome like 'went through%' limit 20"; }

roles roles.before
snapshot before
record_error
snapshot after
outcomes
attack "some DDL was not tried" is_true "select count(*) < 3000 or bool_or(outcome is null) from public.ddl"
attack "DDL as payments_definer changes the catalogs" differ before after
roles roles.after
attack "DDL as payments_definer changes roles" differ roles.before roles.after

# DROP and CREATE EXTENSION, the documented repair, after such a trigger ran.
q -c "drop extension payments" -c "create extension payments"
roles roles.again
attack "DROP and CREATE EXTENSION gives somebody something" differ roles.before roles.again

# As it was when the owner and the runner were one role: the runner owns a function, and the table of a policy.
q -c "grant create on schema payments to payments_definer" -c "alter function payments.explain(text) owner to payments_definer"
q -c "truncate public.ddl" -c "insert into public.ddl values ('alter function payments.explain(text) security definer'), ('create or replace function payments.planted() returns text language sql as ''select 1::text''')"
snapshot before
record_error
snapshot after
outcomes
control "the runner owns a function of ours" differ before after
q -c "drop function payments.planted()"
roles roles.before
q -c "create function public.give() returns event_trigger language plpgsql as 'begin alter role evil createdb createrole; end'" \
  -c "create event trigger give on ddl_command_end when tag in ('CREATE FUNCTION') execute function public.give()" -c "drop extension payments" -c "create extension payments"
roles roles.again
control "a superuser's event trigger gives a role something at CREATE EXTENSION" differ roles.before roles.again
