#!/usr/bin/env bash
# Runs the attacks: each script in kinds/ attacks its own database, and prints HELD or HARM for every attack. Its controls are
# the same attacks with the protection removed, and must do harm. `tests/attacks/run.sh KIND…` runs only these kinds.
. "$(dirname "$0")/../database.sh"
here=$tests/attacks
results=$output/attacks
mkdir -p "$results"

kinds=("$@")
[ ${#kinds[@]} -gt 0 ] || mapfile -t kinds < <(cd "$here/kinds" && ls -- *.sh | sed 's/\.sh$//')

# is_fine VERDICT KIND: whether the verdict is the required one. Otherwise prints the whole output of the kind.
is_fine() {
  case $1 in
    "HELD "* | "control HARM "*) return 0 ;;
    *) cat "$results/$2.out"; return 1 ;;
  esac
}

attacked() {
  mkdir -p "$work/$1"
  fresh_database "attack_$1" &&
    PGDATABASE=attack_$1 SCRATCH=$work/$1 RESULTS=$results timeout 240 bash "$here/kinds/$1.sh" > "$results/$1.out" 2>&1 &&
    grep -q '^HELD ' "$results/$1.out" && grep -q '^control HARM ' "$results/$1.out" || {
      cat "$results/$1.out"
      echo "$1 ended with an error, or has no attack or no control"
      return 1
    }
}

for kind in "${kinds[@]}"; do
  check "$kind" attacked "$kind"
  while read -r verdict; do
    check "$kind: $verdict" is_fine "$verdict" "$kind"
  done < <(grep -E '^(control )?(HELD|HARM) ' "$results/$kind.out")
  sql -d postgres -c "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'attack_$kind'" > "$work/ended"
  remove_database "attack_$kind" || true
done
finish
