#!/usr/bin/env bash
# Every query of sql/query can be prepared, and no query that an event runs reads a whole table; see plans.py.
. "$(dirname "$0")/../database.sh"
fresh_database queries
"$python" "$tests/queries/plans.py"
