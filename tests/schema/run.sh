#!/usr/bin/env bash
# sql/payments.sql is the installed schema, so a change of the surface shows in a diff. `scripts/schema.py write` updates it.
. "$(dirname "$0")/../database.sh"

altered_is_seen() {
  local copy=$work/payments.sql
  cp "$root/sql/payments.sql" "$copy"
  sed -i '0,/returns boolean/s//returns integer/' "$copy"
  ! diff -q "$root/sql/payments.sql" "$copy" > /dev/null && ! "$root/scripts/schema.py" against "$copy" > /dev/null
}

check 'sql/payments.sql is the installed schema' "$root/scripts/schema.py"
check 'a changed type is seen' altered_is_seen
finish
