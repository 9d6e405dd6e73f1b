#!/usr/bin/env bash
# The endpoints for Stripe's posts through PostgREST; see postgrest.py.
. "$(dirname "$0")/../database.sh"
fresh_database endpoints
"$python" "$tests/endpoints/postgrest.py" endpoints
