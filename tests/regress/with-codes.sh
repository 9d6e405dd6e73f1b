#!/bin/sh
# with-codes.sh psql …: psql for pg_regress with SQLSTATE, DETAIL and HINT in every error; the place in the server's
# sources (LOCATION) changes with its version and is left out.
"$@" -v VERBOSITY=verbose -v SHOW_CONTEXT=never 2>&1 | grep -v '^LOCATION:  ' | sed -E 's,^psql:[^ ]+:[0-9]+: ,,'
