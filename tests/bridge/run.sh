#!/usr/bin/env bash
# The program beside the database: it runs against a database and a stand-in for Stripe, and is interrupted, refused and overloaded.
. "$(dirname "$0")/../database.sh"
cd "$root"
cargo build --quiet -p payments-bridge
fresh_database bridge
sql -d bridge -f "$tests/bridge/stubs.sql" > /dev/null
"$python" "$tests/bridge/bridge.py" "$root/target/debug/payments-bridge" bridge
