#!/usr/bin/env bash
# Runs the bridge against a database and a stand-in for Stripe. It is interrupted, refused and overloaded.
. "$(dirname "$0")/../database.sh"
cd "$root"
cargo build --quiet -p payments-bridge
fresh_database bridge
# The bridge's role is an admin that can log in, not a superuser.
sql -d bridge -c 'create role bridge login' -c "select payments.grant_role('bridge', 'admin')" > /dev/null
"$python" "$tests/bridge/bridge.py" "$root/target/debug/payments-bridge" bridge
