#!/usr/bin/env bash
# Checks everything about the code that needs no story: format, lints, documentation, SQL style, and security lints of
# the SQL that is installed.
. "$(dirname "$0")/project.sh"
cd "$root"
scripts/install-tools.sh check
# A separate build folder: cargo-pgrx builds with other flags, and each would delete the other's build.
export CARGO_TARGET_DIR=$root/target/check
bin=$root/target/python/bin
passed=0 failed=0

check() {
  local name=$1 log=$root/target/check.log
  shift
  if "$@" > "$log" 2>&1; then
    passed=$((passed + 1))
    echo "ok     $name"
  else
    failed=$((failed + 1))
    echo "FAILED $name"
    tail -n 60 "$log"
  fi
}

# Queries are in sql/query. Rust has none, except in tests.
no_sql_in_rust() {
  ! git grep -nIE '"[^"]*\b(select .* from|insert into|update [a-z_.]+ set|delete from)\b' -- 'src/*.rs' 'core/src/*.rs' 'bridge/src/*.rs' ':!src/tests.rs' | grep -v '^[^:]*:[0-9]*: *//'
}

# Copies of the queries are linted, because a template is valid SQL only once its names are filled in.
sql_files_lint() {
  "$bin/python" scripts/queries.py lint target/query-lint
  git ls-files 'sql/schema/*.sql' 'bridge/sql/*.sql' | xargs "$bin/sqlfluff" lint --disable-progress-bar --nocolor target/query-lint
}

# The script as it is installed; it sets its own search_path.
installed_sql_is_safe() {
  "$bin/pgspot" "$("$PG_CONFIG" --sharedir)"/extension/payments--[0-9]*.sql
}

shell_scripts_parse() {
  local file
  git ls-files '*.sh' '.ci/run' | while read -r file; do bash -n "$file" || return 1; done
}

check 'rustfmt' cargo fmt --all --check
features=(--no-default-features --features "pg$major")
check 'clippy' cargo clippy --quiet --workspace --all-targets "${features[@]}" -- -D warnings
RUSTDOCFLAGS='-D warnings' check 'rustdoc' cargo doc --quiet --workspace --no-deps --document-private-items "${features[@]}"
check 'no SQL in Rust' no_sql_in_rust
check 'queries' "$bin/python" scripts/queries.py
check 'no circles' "$bin/python" scripts/circles.py
check 'sizes' "$bin/python" scripts/sizes.py
check 'shell' shell_scripts_parse
check 'spelling' "$bin/typos"
check 'sqlfluff' sql_files_lint
check 'qualified names' "$bin/python" scripts/lint-paths.py

unset CARGO_TARGET_DIR
scripts/install-extension.sh debug
check 'pgspot' installed_sql_is_safe
if [ -e "$("$PG_CONFIG" --sharedir)/extension/plpgsql_check.control" ]; then
  check 'plpgsql_check' scripts/with-server.sh psql -X -q -v ON_ERROR_STOP=1 -f scripts/plpgsql-check.sql
else
  say "this PostgreSQL has no plpgsql_check"
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
