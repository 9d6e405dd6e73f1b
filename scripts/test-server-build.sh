#!/usr/bin/env bash
# Runs the tests in src/. `cargo pgrx test` starts its own server, which refuses to run as root. So root runs cargo as
# postgres, which keeps only the right to read and write the files of root's build.
. "$(dirname "$0")/project.sh"
cd "$root"

if [ "$(id -u)" = 0 ]; then
  cargo_home=${CARGO_HOME:-$HOME/.cargo} rustup_home=${RUSTUP_HOME:-$HOME/.rustup}
  data=$(mktemp -d "${TMPDIR:-/tmp}/payments-pgrx.XXXXXX")
  trap 'rm -rf "$data"' EXIT
  chown postgres "$data"
  setpriv --reuid=postgres --regid=postgres --init-groups --securebits=+no_setuid_fixup \
    --inh-caps=+dac_override --ambient-caps=+dac_override \
    env HOME="$data" USER=postgres CARGO_HOME="$cargo_home" RUSTUP_HOME="$rustup_home" \
    cargo pgrx test "pg$major" --pgdata "$data"
else
  cargo pgrx test "pg$major"
fi
