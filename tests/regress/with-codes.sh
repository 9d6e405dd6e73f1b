#!/bin/sh
# with-codes.sh psql …: runs psql for pg_regress, with SQLSTATE, DETAIL and HINT in every error. The place in the
# server's sources (LOCATION) is left out, because it changes with the version. If a row is wider than 120 characters,
# each of its columns has its own line.
"$@" -v VERBOSITY=verbose -v SHOW_CONTEXT=never -P columns=120 -P expanded=auto 2>&1 |
  grep -v '^LOCATION:  ' | sed -E 's,^psql:[^ ]+:[0-9]+: ,,'
