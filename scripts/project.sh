# What every script of this project shares; sourced, never run. Set PG_CONFIG to use another PostgreSQL than Debian's.

set -euo pipefail
unset RUST_BACKTRACE # a server that has it in its environment pours stack traces into error details

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
debian_major=15
pgrx_version=0.18.1

say() { printf '== %s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

debian_config=/usr/lib/postgresql/$debian_major/bin/pg_config
export PG_CONFIG=${PG_CONFIG:-$debian_config}
# On a fresh machine Debian's is not installed yet; any other one must be there.
if command -v "$PG_CONFIG" >/dev/null; then
  PG_CONFIG=$(realpath -s "$(command -v "$PG_CONFIG")")
  major=$("$PG_CONFIG" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
else
  [ "$PG_CONFIG" = "$debian_config" ] || fail "no pg_config at $PG_CONFIG"
  major=$debian_major
fi

# Where results and logs go: each PostgreSQL has its own, so that the tests of several can run at the same time. The build
# folder is one for all: cargo shares what does not depend on the major, and builds only the last crate anew when it changes.
output=$root/target
[ "$PG_CONFIG" = "$debian_config" ] || output=$root/target/pg$major
export PGRX_HOME=$output/pgrx-home
export CARGO_TERM_COLOR=never NO_COLOR=1
python=$root/target/python/bin/python
node_modules=$root/target/node/node_modules

postgres_bin() { "$PG_CONFIG" --bindir; }

# Servers refuse to run as root; there is no sudo on a small machine, so root becomes postgres by setpriv.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=postgres --regid=postgres --init-groups "$@"
  else
    "$@"
  fi
}
