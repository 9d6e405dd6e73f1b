#!/usr/bin/env bash
# test-majors.sh [MAJOR…] [RUNNER…]: runs the runners of tests/ that depend on the server on each other PostgreSQL major. Two
# majors are tested at a time, while the extension is built for the next one. Ends with 'N passed, N failed' over all of them.
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
passed=0 failed=0
running=() # majors, in the order in which they started
declare -A pids

log_of() { echo "$root/target/pg$1.log"; }

stop() {
  local major
  for major in "${running[@]}"; do kill -- "-${pids[$major]}" 2>/dev/null || true; done
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

# Waits for the tests that started first, and prints their output. A major without a count has failed.
collect() {
  local major=${running[0]} status=0 p=0 f=0
  wait "${pids[$major]}" || status=$?
  running=("${running[@]:1}")
  say "PostgreSQL $major"
  sed 's/^== /   /; /^$/d' "$(log_of "$major")"
  read -r p f <<< "$(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$(log_of "$major")" | tail -n 1)" || true
  p=${p:-0} f=${f:-0}
  if [ "$status" != 0 ] && [ "$f" = 0 ] || [ "$((p + f))" = 0 ]; then f=$((f + 1)); fi
  passed=$((passed + p)) failed=$((failed + f))
}

for major in "${majors[@]}"; do
  started=$SECONDS
  export PG_CONFIG=$root/target/majors/pg$major/bin/pg_config
  if ! { scripts/install-tools.sh build && scripts/install-extension.sh debug; }; then
    echo "FAILED PostgreSQL $major: the extension can't be built"
    failed=$((failed + 1))
    continue
  fi
  say "PostgreSQL $major: built in $((SECONDS - started)) s"
  [ ${#running[@]} -lt 2 ] || collect
  say "PostgreSQL $major: testing ${runners[*]}"
  EXTENSION_INSTALLED=yes setsid tests/run.sh "${runners[@]}" > "$(log_of "$major")" 2>&1 &
  pids[$major]=$!
  running+=("$major")
done
while [ ${#running[@]} -gt 0 ]; do collect; done

echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
