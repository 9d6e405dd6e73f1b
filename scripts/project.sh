# What every script of this project shares; sourced, never run. Set PG_CONFIG to use another PostgreSQL than Debian's.

set -euo pipefail
unset RUST_BACKTRACE # a server that has it in its environment pours stack traces into error details

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
major=15
pgrx_version=0.18.1
export PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/$major/bin/pg_config}
export PGRX_HOME=$root/target/pgrx-home
export CARGO_TERM_COLOR=never NO_COLOR=1
python=$root/target/python/bin/python
node_modules=$root/target/node/node_modules

say() { printf '== %s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

postgres_bin() { "$PG_CONFIG" --bindir; }

# Servers refuse to run as root; there is no sudo on a small machine, so root becomes postgres by setpriv.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=postgres --regid=postgres --init-groups "$@"
  else
    "$@"
  fi
}
