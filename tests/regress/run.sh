#!/usr/bin/env bash
# Runs the stories in sql/, each in its own database, and compares them with expected/ by PostgreSQL's own pg_regress.
# Errors show their SQLSTATE, DETAIL and HINT. `tests/regress/run.sh STORY…` runs only these stories.
. "$(dirname "$0")/../database.sh"
here=$tests/regress
pg_regress=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/regress/pg_regress
results=$output/regress
mkdir -p "$results"

stories=("$@")
[ ${#stories[@]} -gt 0 ] || mapfile -t stories < <(cd "$here/sql" && ls -- *.sql | sed 's/\.sql$//')

story() {
  [ -e "$here/expected/$1.out" ] || {
    echo "no expected/$1.out: a story without an expected result proves nothing"
    return 1
  }
  fresh_database "story_$1" || return
  "$pg_regress" --inputdir="$here" --outputdir="$results" --bindir="$(postgres_bin)" --use-existing \
    --dbname="story_$1" --host="$PGHOST" --port="$PGPORT" --user="$PGUSER" --launcher="$here/with-codes.sh" "$1" || {
    cat "$results/regression.diffs"
    return 1
  }
}

for name in "${stories[@]}"; do
  check "$name" story "$name"
  remove_database "story_$name"
done
finish
