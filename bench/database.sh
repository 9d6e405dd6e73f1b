# What the benches share. They source it, and need a server of scripts/with-server.sh.

. "$(dirname "${BASH_SOURCE[0]}")/../scripts/project.sh"
here=$root/bench
work=$(mktemp -d "${TMPDIR:-/tmp}/payments-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d bench "$@"; }

wanted() { [ -z "${BENCH_ONLY:-}" ] || [ "$BENCH_ONLY" = "$1" ]; }

# new_database [NAME [VERSION]]: creates a database with the extension, the app's tables and the recorded stories.
new_database() {
  local name=${1:-bench} version=${2:-}
  PGOPTIONS='-c client_min_messages=warning' psql -X -q -d postgres -c "drop database if exists $name" -c "create database $name"
  sql -d "$name" -f "$root/tests/roles.sql" -f "$root/tests/functions.sql" \
    -c "create extension payments ${version:+version '$version'}" -f "$here/streams.sql"
  sql -d "$name" -c 'select payments.create_app_tables()' -c "select payments.set_webhook_secret('test', 'whsec_bench')" >/dev/null
  local story
  for story in "$root"/tests/corpus/stories/*.json; do # an event begins where a line begins with a brace
    sql -d "$name" -c "\\copy bench.lines (line) from '$story' with (format csv, delimiter e'\\x01', quote e'\\x02')" \
      -c "insert into bench.stories (story, number, event)
          select '$(basename "$story" .json)', event, string_agg(ltrim(line), '' order by number)
            from (select *, count(*) filter (where starts_with(line, '{')) over (order by number) as event from bench.lines) l
           group by event" \
      -c 'truncate bench.lines restart identity'
  done
}
