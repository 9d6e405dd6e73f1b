#!/usr/bin/env bash
# mutants.sh [FILE…]: changes the core in small ways, one at a time, and reports which changes its own tests do not notice. The
# whole core takes about an hour on one CPU; name files (core/src/snapshot.rs) for less.
. "$(dirname "$0")/project.sh"
cd "$root"
cargo_mutants_version=27.1.0
home=$root/target/mutants
export PATH=$home/bin:$PATH
# The copy of the tree, its build and the tool have their own folder.
export TMPDIR=$home/tmp
mkdir -p "$TMPDIR"

if ! cargo mutants --version 2>/dev/null | grep -q " $cargo_mutants_version\$"; then
  say "installing cargo-mutants $cargo_mutants_version (some minutes)"
  cargo install cargo-mutants --version "$cargo_mutants_version" --locked --quiet --root "$home"
fi
python3 scripts/mutants.py "$@"
