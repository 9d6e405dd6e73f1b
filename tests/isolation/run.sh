#!/usr/bin/env bash
# Runs the specs: what two or three concurrent sessions see of each other, compared by pg_isolation_regress.
. "$(dirname "$0")/../database.sh"
here=$tests/isolation
pg_isolation_regress=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/isolation/pg_isolation_regress
results=$output/isolation
mkdir -p "$results"

specs=("$@")
[ ${#specs[@]} -gt 0 ] || mapfile -t specs < <(cd "$here/specs" && ls -- *.spec | sed 's/\.spec$//')

spec() {
  [ -e "$here/expected/$1.out" ] || {
    echo "no expected/$1.out: a spec without an expected result proves nothing"
    return 1
  }
  fresh_database "spec_$1" && sql -d "spec_$1" -f "$here/events.sql" || return
  "$pg_isolation_regress" --inputdir="$here" --outputdir="$results" --bindir="$(postgres_bin)" --use-existing \
    --dbname="spec_$1" --host="$PGHOST" --port="$PGPORT" --user="$PGUSER" "$1" || {
    cat "$results/regression.diffs"
    return 1
  }
}

for name in "${specs[@]}"; do
  check "$name" spec "$name"
  remove_database "spec_$name"
done
finish
