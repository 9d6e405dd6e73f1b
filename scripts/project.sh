# What every script of this project shares. Scripts source it. Set PG_CONFIG to use another PostgreSQL than Debian's.

set -euo pipefail
unset RUST_BACKTRACE # with it, a server writes stack traces into error details

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
# On a fresh machine, Debian's PostgreSQL is not installed yet. Any other must be there.
if command -v "$PG_CONFIG" >/dev/null; then
  PG_CONFIG=$(realpath -s "$(command -v "$PG_CONFIG")")
  major=$("$PG_CONFIG" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
else
  [ "$PG_CONFIG" = "$debian_config" ] || fail "no pg_config at $PG_CONFIG"
  major=$debian_major
fi

# The folder for results and logs. Each PostgreSQL has its own, so that the tests of several can run at the same time. They
# share one build folder: cargo shares what does not depend on the major, and rebuilds only the last crate when the major
# changes.
output=$root/target
[ "$PG_CONFIG" = "$debian_config" ] || output=$root/target/pg$major
export PGRX_HOME=$output/pgrx-home
export CARGO_TERM_COLOR=never NO_COLOR=1
python=$root/target/python/bin/python
node_modules=$root/target/node/node_modules

postgres_bin() { "$PG_CONFIG" --bindir; }

# Servers refuse to run as root, and a small machine has no sudo, so root becomes postgres with setpriv.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=postgres --regid=postgres --init-groups "$@"
  else
    "$@"
  fi
}
