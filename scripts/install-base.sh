#!/usr/bin/env bash
# install-base.sh REF|--remove: builds an earlier commit and installs it beside the present build, so that one server has both.
# The control file of version 'base' of the extension names another library. `create extension payments version 'base'` makes a
# database use that build. --remove uninstalls it.
. "$(dirname "$0")/project.sh"
ref=${1:?which commit, branch or tag}
tree=$root/target/bench/base package=$root/target/bench/base-package
library=$("$PG_CONFIG" --pkglibdir)/payments-base.so
extension=$("$PG_CONFIG" --sharedir)/extension/payments--base

if [ "$ref" = --remove ]; then
  rm -f "$library" "$extension".{sql,control}
  exit
fi
commit=$(git -C "$root" rev-parse --quiet --verify "$ref^{commit}") || fail "no such commit: $ref"
if [ "$(cat "$package/commit" 2>/dev/null)" != "$commit $major" ]; then
  say "building $ref as the base (release, PostgreSQL $major; some minutes)"
  rm -rf "$tree" "$package"
  mkdir -p "$tree"
  # -m: cargo compares file times to see what changed, and the commit's files may be older than the last build.
  git -C "$root" archive "$commit" | tar -xm -C "$tree"
  # A separate build folder: both builds make a libpayments.so, and cargo would confuse them.
  (cd "$tree" && CARGO_TARGET_DIR=$root/target/bench/base-target cargo pgrx package --pg-config "$PG_CONFIG" --out-dir "$package" \
    --no-default-features --features "pg$major") > "$root/target/bench/base.log" 2>&1 || {
    cat "$root/target/bench/base.log" >&2
    fail "$ref could not be built"
  }
  echo "$commit $major" > "$package/commit"
fi
built() { find "$package" -name "$1" | head -1; }
cp "$(built 'payments*.so')" "$library"
cp "$(built 'payments--*.sql')" "$extension.sql"
# shellcheck disable=SC2016 # $libdir is PostgreSQL's
sed -e '/^default_version/d' -e 's|^module_pathname.*|module_pathname = '\''$libdir/payments-base'\''|' \
  "$(built payments.control)" > "$extension.control"
