#!/usr/bin/env bash
# Runs every load test in this folder, one after another.
. "$(dirname "$0")/../../scripts/project.sh"
status=0
for script in "$(dirname "$0")"/*.sh; do
  [ "$(basename "$script")" = run.sh ] || "$script" || status=1
done | tee "${TMPDIR:-/tmp}/payments-load.$$"
awk '/^[0-9]+ passed, / { p += $1; f += $3 } END { print p + 0 " passed, " f + 0 " failed"; exit f > 0 || p == 0 }' "${TMPDIR:-/tmp}/payments-load.$$"
