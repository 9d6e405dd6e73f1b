#!/usr/bin/env bash
# Every ```sql block of README.md and of docs/ runs, top to bottom, in one database a page; see blocks.py. README starts from an
# empty database of a server without the app's roles; the pages of docs/ start from setup.sql.
. "$(dirname "$0")/../database.sh"
here=$tests/docs
no_sql='SUMMARY README comparison' # pages of docs/ that show none

page() { check "$1" "$python" "$here/blocks.py" "$root/$1" "$2"; grep '^#' "$work/check.out" || true; }

# The reference names every function that somebody may call, every table that an admin may write, and every setting.
names="select p.proname || '(' from payments.granted_functions() f join pg_proc p on p.oid = to_regprocedure(f.signature)
  union select split_part(g.relation, '.', 2) from payments.granted_privileges() g where g.privileges ~ 'insert'
  union select s.name from (select payments.metadata_prefix()) loaded, pg_settings s where s.name like 'payments.%'"
reference_is_complete() {
  local name missing=0
  fresh_database docs_names
  while read -r name; do
    grep -qF "\`$name" "$root/docs/reference.md" || { echo "not in docs/reference.md: $name"; missing=1; }
  done < <(sql -d docs_names -c "$names")
  [ "$missing" = 0 ] && [ "$(sql -d docs_names -c "$names" | wc -l)" -gt 60 ]
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
check 'the reference names everything' reference_is_complete
finish
