#!/bin/sh
# with-codes.sh psql …: psql for pg_regress with SQLSTATE, DETAIL and HINT in every error; the place in the server's
# sources (LOCATION) changes with its version and is left out. Where a row is wider than 120 characters, each of its
# columns has a line of its own.
"$@" -v VERBOSITY=verbose -v SHOW_CONTEXT=never -P columns=120 -P expanded=auto 2>&1 |
  grep -v '^LOCATION:  ' | sed -E 's,^psql:[^ ]+:[0-9]+: ,,'
