#!/usr/bin/env bash
# A superuser runs the doctor's fixes. A role that may name a schema or a role, or replace a function, must gain nothing by that.
. "$(dirname "$0")/../attack.sh"
q -c "create role mallory_role login" -c "create schema clubs" -c "grant all on schema clubs to project_admin, mallory_role" \
  -c "set role project_admin" -c "create function clubs.may_bill(text, text) returns boolean language sql as 'select false'" \
  -c "select payments.protect_subject_type('club', 'clubs.may_bill(text,text)'::regprocedure)"
hostile='$fix$; alter role mallory_role superuser; --'
# mends CHECK: a superuser runs the doctor's fix for one check, unchanged.
mends() { q -c "select fix || ';' from payments.doctor() where not ok and check_name = '$1'" > "$SCRATCH/fix.sql"; q -f "$SCRATCH/fix.sql"; }
is_super() { is_true "select rolsuper from pg_roles where rolname = 'mallory_role'"; }
publications() {
  q -c "create publication everything for all tables" -c "create schema \"$hostile\""
  mends publications
  is_super
}
grants() {
  q -c "create role \"$hostile\"" -c "select payments.grant_role('\"$hostile\"', 'guest')" -c "grant all on all tables in schema payments to \"$hostile\""
  mends grants
  is_super
}
# Her table's name would end a quoted text, and the table has none of our triggers. The doctor must mend only our table.
triggers() {
  q -c "grant create on schema payments to mallory_role" -c "set role mallory_role" \
    -c "create table payments.\"a\$fix\$;alter role mallory_role superuser;do \$fix\$\" (a int)"
  q -c "drop trigger payments_guard on payments.checkout_sessions"
  mends triggers
  is_super
}
# undone: whether a check still fails. The fixes must work, or the attacks prove nothing.
undone() { is_true "select count(*) > 0 from payments.doctor() where not ok and check_name in ('publications', 'grants', 'triggers')"; }
namesake() {
  q -c "set role project_admin" -c "drop function clubs.may_bill(text, text)"
  q -c "set role mallory_role" -c "create function clubs.may_bill(text, text) returns boolean language sql as 'select true'"
  mends "subject types"
  [ "$(by "$mallory" -c "select payments.owns_subject('club', 'of_the_victim')")" = t ]
}
attack "a schema's name is run by a superuser" publications
attack "a role's name is run by a superuser" grants
attack "a table's name is run by a superuser" triggers
mends grants
attack "what the doctor says mends nothing" undone
attack "a namesake of a predicate decides" namesake

# The doctor's fix, but between dollar quotes.
q -c "alter function payments.doctor_publications() rename to said_of_publications" \
  -c "create function payments.doctor_publications() returns table (ok boolean, detail text, fix text) language sql as \$body\$
        select s.ok, s.detail, 'do ' || '\$' || 'fix\$ ' || replace(btrim(substring(s.fix from 4), ''''), '''''', '''') || ' \$' || 'fix\$'
          from payments.said_of_publications() s \$body\$"
again() { q -c "drop publication everything" > /dev/null; publications; }
control "a name stands between dollar quotes" again
q -c "alter role mallory_role nosuperuser"
q -c "alter function clubs.may_bill(text, text) owner to project_admin" \
  -c "set role project_admin" -c "select payments.protect_subject_type('club', 'clubs.may_bill(text,text)'::regprocedure)"
q -c "alter function clubs.may_bill(text, text) owner to mallory_role"
given_back() {
  q -c "alter function clubs.may_bill(text, text) owner to project_admin"
  [ "$(by "$mallory" -c "select payments.owns_subject('club', 'of_the_victim')")" = t ]
}
control "the namesake is given to whom it was registered for" given_back

# As if the doctor took every table in our schemas for ours, and wrote names between dollar quotes.
q -c "alter function clubs.may_bill(text, text) owner to project_admin" -c "alter role mallory_role nosuperuser" \
  -c "create or replace function payments.own_relations() returns setof oid language sql stable as
        'select c.oid from pg_catalog.pg_class c where c.relnamespace in (select payments.table_schemas())'" \
  -c "alter function payments.doctor_triggers() rename to said_of_triggers" \
  -c "create function payments.doctor_triggers() returns table (ok boolean, detail text, fix text) language sql as \$body\$
        select s.ok, s.detail, 'do ' || '\$' || 'fix\$ ' || replace(btrim(substring(s.fix from 4), ''''), '''''', '''') || ' \$' || 'fix\$'
          from payments.said_of_triggers() s \$body\$"
control "any table is taken for ours, between dollar quotes" triggers
