#!/usr/bin/env bash
# The events of 20 payments of four customers, over 16 connections at once in random order, every event three times: no
# deadlock, no failure, and the same rows as after a delivery in order.
. "$(dirname "$0")/../database.sh"
fresh_database load_orderly
fresh_database load_shared
check "16 connections tell of 20 shared objects" "$python" "$(dirname "$0")/shared_objects.py"
finish
