#!/usr/bin/env bash
# The shop's database, and the shop: shop.sh [COMMAND…] runs a command (or the shop itself) beside it. Runs beside a server of
# scripts/with-server.sh. DATABASE names the database, which is made here.
. "$(dirname "$0")/../../scripts/project.sh"
database=${DATABASE:-shop_page}
psql -X -q -d postgres -f "$root/tests/roles.sql" -c "create database $database"
psql -X -q -o /dev/null -v ON_ERROR_STOP=1 -d "$database" -f "$root/examples/shop/shop.sql"
[ $# -gt 0 ] || set -- node "$root/examples/shop/shop.mjs" "$database"
exec "$@"
