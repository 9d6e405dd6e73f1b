# Databases for the test runners, which source this file and need a server of scripts/with-server.sh.

. "$(dirname "${BASH_SOURCE[0]}")/../scripts/project.sh"
tests=$root/tests
work=$(mktemp -d "${TMPDIR:-/tmp}/payments-test.XXXXXX")
trap 'rm -rf "$work"' EXIT

sql() { PGOPTIONS="-c client_min_messages=warning" psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

# The app's roles exist before the extension, as on a hosted database, because the install script recognizes them.
app_roles() {
  sql -d postgres -f "$tests/roles.sql"
}

# fresh_database NAME: creates a database with the extension, as a copy of a template that the first call creates.
fresh_database() {
  if [ -z "$(sql -d postgres -c "select 1 from pg_database where datname = 'payments_template'")" ]; then
    app_roles
    sql -d postgres -c 'create database payments_template'
    sql -d payments_template -f "$tests/functions.sql" -c 'create extension payments'
  fi
  sql -d postgres -c "drop database if exists \"$1\"" -c "create database \"$1\" template payments_template"
}

# remove_database NAME: drops a database, and the roles that its story created, which the next story would see.
remove_database() {
  sql -d postgres -c "drop database if exists \"$1\"" &&
    sql -d postgres -c "select format('drop role %I;', rolname) from pg_roles
      where oid >= 16384 and rolname not in ('payments_owner', 'payments_definer', 'payments_registrar', 'anon', 'authenticated', 'project_admin', 'service_role', 'authenticator')" |
    sql -d postgres -f -
}

passed=0
failed=0

# check NAME COMMAND…: counts a command that must succeed, and prints its output if it fails.
check() {
  local name=$1
  shift
  if "$@" > "$work/check.out" 2>&1; then
    passed=$((passed + 1))
    echo "ok     $name"
  else
    failed=$((failed + 1))
    echo "FAILED $name"
    sed 's/^/       /' "$work/check.out" | tail -60
  fi
}

finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
