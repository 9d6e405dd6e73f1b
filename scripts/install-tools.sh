#!/usr/bin/env bash
# install-tools.sh build|demo|test|bench|check|docs: installs what that goal needs and is missing, and prints what it does.
# Needs Debian 12 and Rust. Everything else comes from the package registries of Debian, Rust, Python and Node.
. "$(dirname "$0")/project.sh"
goal=${1:?which goal: build, demo, test, bench, check or docs}

debian() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || fail "missing Debian packages: ${missing[*]} (install them, or run this as root)"
  say "installing Debian packages: ${missing[*]}"
  # Installing the server would make Debian create a cluster, but the tests and the demo start their own.
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] ||
    echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
  apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}" >/dev/null </dev/null
}

cargo_pgrx() {
  if ! cargo pgrx --version 2>/dev/null | grep -q " $pgrx_version\$"; then
    say "installing cargo-pgrx $pgrx_version (some minutes)"
    cargo install cargo-pgrx --version "$pgrx_version" --locked --quiet
  fi
  if ! grep -qsF "pg$major = \"$PG_CONFIG\"" "$PGRX_HOME/config.toml"; then
    say "pointing pgrx at $PG_CONFIG"
    mkdir -p "$PGRX_HOME"
    cargo pgrx init "--pg$major" "$PG_CONFIG" >/dev/null 2>&1
  fi
}

# The stamp is a copy of the installed list, so a changed list is installed again.
python_packages() {
  local list=$root/tests/requirements.txt stamp=$root/target/python/requirements.txt
  cmp -s "$list" "$stamp" && return
  say "installing Python packages into target/python"
  python3 -m venv "$root/target/python"
  "$python" -m pip install -q --disable-pip-version-check --require-hashes -r "$list"
  cp "$list" "$stamp"
}

# node_packages LIST FOLDER: installs what LIST/package-lock.json names into FOLDER/node_modules.
node_packages() {
  local list=$root/$1 folder=$root/$2
  cmp -s "$list/package-lock.json" "$folder/package-lock.json" && [ -d "$folder/node_modules" ] && return
  say "installing Node packages into $2"
  mkdir -p "$folder"
  cp "$list"/package{,-lock}.json "$folder/"
  npm ci --prefix "$folder" --silent --no-audit --no-fund
}

nodejs() {
  command -v node >/dev/null && command -v npm >/dev/null || debian nodejs npm
}

mkdir -p "$root/target"
if [ "$goal" = docs ]; then
  debian chromium
  python3 -c 'import ensurepip, venv' 2>/dev/null || debian python3 python3-venv
  python_packages
  exit
fi
debian clang libclang-dev pkg-config gcc libc6-dev make
if [ "$PG_CONFIG" = "$debian_config" ]; then
  debian "postgresql-$major" "postgresql-server-dev-$major"
elif ! id postgres >/dev/null 2>&1; then
  debian postgresql-common # creates the user that servers run as
fi
cargo_pgrx
case $goal in
  build) ;;
  demo)
    nodejs
    debian chromium # for the shop's buyer; 400 MB with its dependencies, about a minute
    node_packages tests/clients target/node
    ;;
  test)
    nodejs
    debian pgbouncer sqlsmith chromium
    python3 -c 'import ensurepip, venv' 2>/dev/null || debian python3 python3-venv
    python_packages
    node_packages tests/clients target/node
    ;;
  bench)
    nodejs
    node_packages bench/peers target/bench/node
    ;;
  check)
    [ "$PG_CONFIG" != "$debian_config" ] || debian "postgresql-$major-plpgsql-check"
    python3 -c 'import ensurepip, venv' 2>/dev/null || debian python3 python3-venv
    python_packages
    ;;
  *) fail "no such goal: $goal" ;;
esac
