#!/usr/bin/env bash
# Objects that somebody planted in a schema of the app's path are never called by us; see planting.py.
. "$(dirname "$0")/../database.sh"
fresh_database planting
"$python" "$tests/planting/planting.py" "$@"
