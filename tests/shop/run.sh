#!/usr/bin/env bash
# A whole shop in a real browser; see buyer.mjs. First, whether the stand-in for Stripe is a good one; see stand-in.mjs.
# PAYMENTS_BRIDGE names another program than the one that is built here.
. "$(dirname "$0")/../database.sh"
here=$tests/shop

[ -n "${PAYMENTS_BRIDGE:-}" ] || (cd "$root" && cargo build --quiet -p payments-bridge)

# Each case counts.
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
