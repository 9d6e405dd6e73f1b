#!/usr/bin/env bash
# mutants.sh [FILE…]: changes the core in small ways, one at a time, and says which changes its own tests don't notice. Takes about an
# hour for the whole core; name files (core/src/snapshot.rs) for less.
. "$(dirname "$0")/project.sh"
cd "$root"
cargo_mutants_version=27.1.0
home=$root/target/mutants
export PATH=$home/bin:$PATH
# The copy of the tree, its build and the tool itself stay in a folder of their own.
export TMPDIR=$home/tmp
# Optimized tests: most of a mutant's time is spent in property tests.
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
  --caught false --unviable false "${files[@]}" || status=$?
[ "$status" = 0 ] || [ "$status" = 2 ] || [ "$status" = 3 ] || fail "cargo mutants ended with $status"

# A mutant that runs until its time is up is noticed as well.
count() { wc -l < "$home/mutants.out/$1.txt"; }
caught=$(($(count caught) + $(count timeout)))
viable=$((caught + $(count missed)))
[ "$viable" -gt 0 ] || fail "there was no viable mutant"
say "$caught of $viable viable mutants are caught: $((100 * caught / viable)) %; the others are in target/mutants/mutants.out/missed.txt"
