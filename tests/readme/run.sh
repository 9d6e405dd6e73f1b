#!/usr/bin/env bash
# Every ```sql block of the README and of docs/ runs, top to bottom, in one database a page; see blocks.py.
. "$(dirname "$0")/../database.sh"
pages=("$root/README.md")
for page in "$root"/docs/*.md; do [ ! -e "$page" ] || pages+=("$page"); done
for page in "${pages[@]}"; do
  name=$(basename "$page" .md | tr 'A-Z-' 'a-z_')
  sql -d postgres -c "create database readme_$name"
  check "$(basename "$page")" "$python" "$tests/readme/blocks.py" "$page" "readme_$name"
  grep '^#' "$work/check.out" || true
done
finish
