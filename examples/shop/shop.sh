#!/usr/bin/env bash
# Creates the shop's database, then runs a command, by default the shop itself: shop.sh [COMMAND…]. It needs the server of
# scripts/with-server.sh. DATABASE is the name of the database.
. "$(dirname "$0")/../../scripts/project.sh"
database=${DATABASE:-shop_page}
psql -X -q -d postgres -f "$root/tests/roles.sql" -c "create database $database"
psql -X -q -o /dev/null -v ON_ERROR_STOP=1 -d "$database" -f "$root/examples/shop/shop.sql"
[ $# -gt 0 ] || set -- node "$root/examples/shop/shop.mjs" "$database"
exec "$@"
