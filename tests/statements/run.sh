#!/usr/bin/env bash
# Which statements each kind of event runs; see statements.py.
. "$(dirname "$0")/../database.sh"
fresh_database statements
"$python" "$tests/statements/statements.py" "$@"
