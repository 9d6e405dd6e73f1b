#!/usr/bin/env bash
# test-majors.sh [MAJOR…] [RUNNER…]: on each other PostgreSQL major, the runners of tests/ that depend on the server. While the
# tests of one major run, the extension is built for the next. Ends with 'N passed, N failed' over all of them.
. "$(dirname "$0")/project.sh"
cd "$root"
majors=() runners=()
for word in "$@"; do
  case $word in [0-9]*) majors+=("$word") ;; *) runners+=("$word") ;; esac
done
[ ${#majors[@]} -gt 0 ] || majors=(16 17 18)
if [ ${#runners[@]} = 0 ]; then
  runners=(regress isolation dump_restore endpoints demo)
  [ ! -x tests/attacks/run.sh ] || runners+=(attacks)
fi

scripts/install-tools.sh test
scripts/install-majors.sh "${majors[@]}"
passed=0 failed=0 tested=() pid=

# Prints what the tests of the major before said, once they have ended; a major without a count has failed.
collect() {
  [ -n "$pid" ] || return 0
  local major=${tested[-1]} status=0 p=0 f=0
  wait "$pid" || status=$?
  pid=
  say "PostgreSQL $major"
  sed 's/^== /   /; /^$/d' "$root/target/pg$major.log"
  read -r p f <<< "$(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$root/target/pg$major.log" | tail -n 1)" || true
  if [ "$status" != 0 ] && [ "${f:-0}" = 0 ] || [ "$((${p:-0} + ${f:-0}))" = 0 ]; then f=$((${f:-0} + 1)); fi
  passed=$((passed + ${p:-0}))
  failed=$((failed + f))
}
trap '[ -z "$pid" ] || kill -- "-$pid" 2>/dev/null || true' EXIT

for major in "${majors[@]}"; do
  started=$SECONDS built=yes
  export PG_CONFIG=$root/target/majors/pg$major/bin/pg_config
  { scripts/install-tools.sh build && scripts/install-extension.sh debug; } || built=no
  say "PostgreSQL $major: built in $((SECONDS - started)) s"
  collect
  if [ "$built" = no ]; then
    echo "FAILED PostgreSQL $major: the extension can't be built"
    failed=$((failed + 1))
    continue
  fi
  say "PostgreSQL $major: ${runners[*]}"
  tested+=("$major")
  EXTENSION_INSTALLED=yes setsid tests/run.sh "${runners[@]}" > "$root/target/pg$major.log" 2>&1 &
  pid=$!
done
collect

echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
