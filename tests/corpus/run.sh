#!/usr/bin/env bash
# Stripe's stories against the database, in every order; see converge.py.
. "$(dirname "$0")/../database.sh"
fresh_database corpus_unused
"$python" "$tests/corpus/converge.py" "$@"
