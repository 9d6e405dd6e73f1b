#!/usr/bin/env bash
# The program beside the database: it runs against a database and a stand-in for Stripe, and is interrupted, refused and overloaded.
. "$(dirname "$0")/../database.sh"
cd "$root"
cargo build --quiet -p payments-bridge
fresh_database bridge
# Who the bridge is: an admin that logs in, and no superuser.
sql -d bridge -c 'create role bridge login' -c "select payments.grant_role('bridge', 'admin')" > /dev/null
"$python" "$tests/bridge/bridge.py" "$root/target/debug/payments-bridge" bridge
