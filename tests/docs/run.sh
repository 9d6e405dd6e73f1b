#!/usr/bin/env bash
# Runs every ```sql block of README.md and docs/, top to bottom, in one database for each page; see blocks.py. README starts
# with an empty database, on a server without the app's roles; the pages of docs/ start with setup.sql.
. "$(dirname "$0")/../database.sh"
here=$tests/docs
no_sql='SUMMARY README comparison' # pages of docs/ without SQL

page() { check "$1" "$python" "$here/blocks.py" "$root/$1" "$2"; grep '^#' "$work/check.out" || true; }

# The reference has every function that a role may call, with its arguments, their defaults and its result; every table that an admin
# may write; and every setting. For internal functions that are granted, the name under "Helpers" is enough.
names="select 'f', p.proname || '()', replace(replace(lower(format('%s(%s) → %s', p.proname,
    regexp_replace(pg_get_function_arguments(p.oid), ' DEFAULT (''[^'']*''|[^,:]+)(::[a-z ]+(\[\])?)?', ' default \1', 'g'),
    pg_get_function_result(p.oid))), 'timestamp with time zone', 'timestamptz'), 'payments.', '')
    from payments.granted_functions() f join pg_proc p on p.oid = to_regprocedure(f.signature)
  union select 't', '', split_part(g.relation, '.', 2) from payments.granted_privileges() g where g.privileges ~ 'insert'
  union select 's', '', s.name from (select payments.metadata_prefix()) loaded, pg_settings s where s.name like 'payments.%'"
reference_is_complete() {
  local what helper text missing=0 count=0 page=${1:-$root/docs/reference.md}
  fresh_database docs_names
  while IFS='|' read -r what helper text; do
    count=$((count + 1))
    grep -qF "\`$text\`" "$page" || { [ "$what" = f ] && sed -n '/^## Helpers/,$p' "$page" | grep -qF "\`$helper\`"; } ||
      { echo "not in $page: $text"; missing=1; }
  done < <(sql -d docs_names -c "$names")
  [ "$missing" = 0 ] && [ "$count" -gt 60 ]
}

# A reference with a wrong default must be refused.
lying_reference() {
  sed "s/lease interval default '00:01:00'/lease interval default '00:02:00'/" "$root/docs/reference.md" > "$work/lying.md"
  ! reference_is_complete "$work/lying.md" > "$work/lying.out" && [ "$(grep -c '^not in' "$work/lying.out")" = 1 ]
}

check 'the blocks of a page that lies are refused' "$python" "$here/blocks.py" --self-test
sql -d postgres -c 'create database docs_of_readme'
page README.md docs_of_readme
for file in "$root"/docs/*.md; do
  name=$(basename "$file" .md)
  if grep -q '^```sql' "$file"; then
    fresh_database "docs_$name"
    sql -d "docs_$name" -f "$here/setup.sql"
    page "docs/$name.md" "docs_$name"
  else
    check "docs/$name.md has no SQL, as is known" grep -qw "$name" <<< "$no_sql"
  fi
done
check 'the reference names everything, as it is' reference_is_complete
check 'a reference with another default is refused' lying_reference
finish
