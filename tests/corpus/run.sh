#!/usr/bin/env bash
# Stripe's stories on a database, in every order; see converge.py.
. "$(dirname "$0")/../database.sh"
fresh_database corpus_unused
"$python" "$tests/corpus/converge.py" "$@"
