#!/usr/bin/env bash
# mutants.sh [FILE…]: changes the core in small ways, one at a time, and tells which changes its own tests don't notice. The whole
# core takes about two hours on two cores; name files (core/src/snapshot.rs) for less.
. "$(dirname "$0")/project.sh"
cd "$root"
cargo_mutants_version=27.1.0
home=$root/target/mutants
result=$home/mutants.out
export PATH=$home/bin:$PATH
# The copy of the tree, its build and the tool itself stay in a folder of their own.
export TMPDIR=$home/tmp
# Optimized, because most of a mutant's time goes to property tests.
export CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_DEV_DEBUG=0
mkdir -p "$TMPDIR"

if ! cargo mutants --version 2>/dev/null | grep -q " $cargo_mutants_version\$"; then
  say "installing cargo-mutants $cargo_mutants_version (some minutes)"
  cargo install cargo-mutants --version "$cargo_mutants_version" --locked --quiet --root "$home"
fi

files=()
for file in "$@"; do files+=(--file "$file"); done
status=0
cargo mutants --package payments-core --output "$home" --jobs 1 --timeout 60 --build-timeout 300 --no-shuffle --colors never \
  "${files[@]}" || status=$?
# 2: some mutants were missed; 3: some ran until their time was up, which a test notices too.
case $status in 0 | 2 | 3) ;; *) fail "cargo mutants ended with $status" ;; esac

awk -F: -v missed="$result/missed.txt" '
  { all[$1]++; sum++ }
  FILENAME == missed { left[$1]++; sum_left++ }
  END {
    for (file in all) printf "%5.1f %% of %3d  %s\n", 100 - 100 * left[file] / all[file], all[file], file | "sort -k5"
    close("sort -k5")
    if (sum == 0) exit 1
    printf "%5.1f %% of %d viable mutants are caught; the others are in %s\n", 100 - 100 * sum_left / sum, sum, missed
  }' "$result/caught.txt" "$result/timeout.txt" "$result/missed.txt" || fail "there was no viable mutant"
