#!/usr/bin/env bash
# install-extension.sh debug|release: builds the extension and installs it into the PostgreSQL of PG_CONFIG.
. "$(dirname "$0")/project.sh"
profile=${1:-release}

say "building and installing the extension ($profile, PostgreSQL $major)"
cd "$root"
flags=(--no-default-features --features "pg$major")
[ "$profile" = release ] && flags+=(--release)
cargo pgrx install --pg-config "$PG_CONFIG" "${flags[@]}" 2>&1 | grep -vE '^ *(Compiling|Fresh|Downloaded|Downloading) ' ||
  [ "${PIPESTATUS[0]}" = 0 ]
