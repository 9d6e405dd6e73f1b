#!/usr/bin/env bash
# Our statements never call objects that somebody planted in a schema of the app's path; see planting.py.
. "$(dirname "$0")/../database.sh"
fresh_database planting
"$python" "$tests/planting/planting.py" "$@"
