#!/usr/bin/env bash
# tests/run.sh [RUNNER…]: runs the whole suite, or these runners. Each runner is a folder here with a run.sh that ends
# with 'N passed, N failed'. Prints its last lines, or all of its output if it failed. One that ran no test has failed.
. "$(dirname "$0")/../scripts/project.sh"
cd "$root"
tests=$root/tests
logs=$output/test-logs
runners=("$@")
[ ${#runners[@]} -gt 0 ] ||
  runners=(core server regress isolation attacks dump_restore endpoints clients corpus queries statements schema planting docs demo bridge
           shop load faults)

scripts/install-tools.sh test
mkdir -p "$logs"
passed=0
failed=0
installed=${EXTENSION_INSTALLED:-no} # the caller sets it if the extension was just installed

# The server build includes the tests of src/, and stays installed. So it runs first, and the others install the
# extension again.
install_once() {
  [ "$installed" = no ] || return 0
  scripts/install-extension.sh debug
  installed=yes
}

# counts LOG: prints 'passed failed' for a runner, from its own last line or from the sum of cargo's.
counts() {
  local own
  own=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1 || true)
  if [ -n "$own" ]; then
    sed -E 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2/' <<< "$own"
  else
    sed -nE 's/^test result: .* ([0-9]+) passed; ([0-9]+) failed;.*/\1 \2/p' "$1" |
      awk '{ p += $1; f += $2 } END { print p + 0, f + 0 }'
  fi
}

run() {
  local name=$1 log=$logs/$1.log started=$SECONDS status=0 p f
  say "$name"
  case $name in
    core) cargo test --quiet -p payments-core > "$log" 2>&1 || status=$? ;;
    server) scripts/test-server-build.sh > "$log" 2>&1 || status=$? ;;
    faults) install_once && "$tests/faults/run.sh" > "$log" 2>&1 || status=$? ;;
    *) install_once && scripts/with-server.sh "$tests/$name/run.sh" > "$log" 2>&1 < /dev/null || status=$? ;;
  esac
  read -r p f <<< "$(counts "$log")"
  if [ "$status" != 0 ] && [ "$f" = 0 ] || [ "$((p + f))" = 0 ]; then f=$((f + 1)); fi
  if [ "$f" != 0 ]; then
    tail -n 200 "$log"
  else
    grep -E '^(test result:|# |[0-9]+ passed)' "$log" | grep -v ' 0 passed; 0 failed' | tail -n 8 || true
  fi
  echo "   $name: $p passed, $f failed in $((SECONDS - started)) s"
  passed=$((passed + p))
  failed=$((failed + f))
}

for runner in "${runners[@]}"; do run "$runner"; done

echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
