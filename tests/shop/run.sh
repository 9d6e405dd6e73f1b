#!/usr/bin/env bash
# Tests the stand-in for Stripe (stand-in.mjs), then the whole shop in a real browser (buyer.mjs). PAYMENTS_BRIDGE is the
# path of a bridge to use instead of building one.
. "$(dirname "$0")/../database.sh"
here=$tests/shop

[ -n "${PAYMENTS_BRIDGE:-}" ] || (cd "$root" && cargo build --quiet -p payments-bridge)

# Runs a program, and counts the cases that passed and failed.
cases() {
  local output
  output=$(timeout 300 "$@" 2>&1) || true
  echo "$output"
  passed=$((passed + $(grep -c '^ok ' <<< "$output" || true)))
  failed=$((failed + $(grep -c '^FAILED ' <<< "$output" || true)))
  grep -q '^ok ' <<< "$output" || failed=$((failed + 1))
}

cases node "$here/stand-in.mjs"
DATABASE=shop_test cases "$root/examples/shop/shop.sh" node "$here/buyer.mjs" shop_test
finish
