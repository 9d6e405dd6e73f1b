#!/usr/bin/env bash
# What was revoked stays revoked after DROP and CREATE EXTENSION, and the name of a dropped role is not trusted.
. "$(dirname "$0")/../attack.sh"
known="anon:guest authenticated:member project_admin:admin service_role:admin authenticator:gateway"
claims="select payments.current_user_id() is not null"
is_gateway() { is_said t "$(PGUSER=authenticator PGOPTIONS="$PGOPTIONS -c request.jwt.claims={\"sub\":\"mallory\"}" q -c "$claims")"; }
again() { q -c "drop extension payments" -c "create extension payments"; }
# holds ROLE: whether the role has any privilege on our objects.
holds() {
  is_true "select has_schema_privilege('$1', 'payments', 'USAGE')
      or exists (select from pg_proc p where p.pronamespace = 'payments'::regnamespace and has_function_privilege('$1', p.oid, 'EXECUTE'))
      or exists (select from pg_class c where c.relnamespace in ('payments'::regnamespace, 'payments_registry'::regnamespace) and c.relkind in ('r', 'v')
                   and (has_any_column_privilege('$1', c.oid, 'SELECT, INSERT, UPDATE') or has_table_privilege('$1', c.oid, 'DELETE, TRIGGER')))
      or exists (select from pg_policy p where '$1'::regrole::oid = any (p.polroles)) or payments.is_admin_role('$1')"
}
q -c "grant usage on schema payments to public" -c "grant execute on function payments.current_user_id() to public"
control "the gateway is one before" is_gateway
q -c "revoke usage on schema payments from public" -c "revoke execute on function payments.current_user_id() from public"
for one in $known; do
  control "${one%:*} has something before" holds "${one%:*}"
  q -c "select payments.revoke_role('${one%:*}', '${one#*:}')" > /dev/null
done
for one in $known; do attack "${one%:*} keeps something" holds "${one%:*}"; done
again
for one in $known; do attack "${one%:*} has something again after CREATE EXTENSION" holds "${one%:*}"; done
q -c "grant usage on schema payments to public" -c "grant execute on all functions in schema payments to public"
attack "the gateway is one again" is_gateway
attack "an admin is one again by grant all" is_true "select payments.is_admin_role('service_role') or payments.is_admin_role('project_admin')"
q -c "revoke usage on schema payments from public" -c "revoke execute on all functions in schema payments from public"
q -c "delete from payments.granted_roles"
again
for one in $known; do control "${one%:*} has something where no record says that it was taken back" holds "${one%:*}"; done

# A role that is dropped, and another one with its name.
q -c "create role helper login" -c "select payments.grant_role('helper', 'admin')" -c "select payments.grant_role('helper', 'gateway')"
control "a helper is an admin" holds helper
q -c "select payments.revoke_role('helper', w) from unnest('{admin,gateway}'::text[]) w" -c "drop role helper" -c "create role helper login" \
  -c "update payments.granted_roles set revoked_at = null where role = 'helper'" > /dev/null
attack "a new role of the name of one that is gone has something" holds helper
again
attack "the new role has something after CREATE EXTENSION" holds helper
q -c "grant usage on schema payments to public" -c "grant all on all tables in schema payments to public" -c "grant execute on all functions in schema payments to public"
attack "the new role is an admin after grant all to public" is_true "select payments.is_admin_role('helper')"
claimed() { is_said t "$(PGOPTIONS="$PGOPTIONS -c request.jwt.claims={\"sub\":\"mallory\"}" q -U helper -c "$claims")"; }
attack "the new role's claims count" claimed
