#!/usr/bin/env bash
# docs.sh: builds the book of docs/ into target/book, and checks its diagrams, and the links of the book and of the other pages.
#
# Only links within the repository are followed (lychee --offline): the build must work without the internet, so that links to other
# sites are not checked. `CHECK_OUTSIDE=yes make docs` follows those too.
. "$(dirname "$0")/project.sh"
cd "$root"
scripts/install-tools.sh docs
# with_cargo NAME VERSION: installs a program of that version, if it is not there.
with_cargo() {
  ! "$1" --version 2>/dev/null | grep -qE " v?$2\$" || return 0
  say "installing $1 $2 with cargo (some minutes)"
  cargo install "$1" --version "$2" --locked --quiet
}
with_cargo mdbook 0.5.4
with_cargo mdbook-mermaid 0.17.1

# The scripts that draw the diagrams are parts of mdbook-mermaid, which writes them beside a book.toml.
mkdir -p target/mermaid
: > target/mermaid/book.toml
mdbook-mermaid install target/mermaid > target/mermaid/install.log 2>&1 || { cat target/mermaid/install.log; fail 'no scripts for diagrams'; }

say 'building the book'
rm -rf target/book
mdbook build > target/book.log 2>&1 || { cat target/book.log; fail 'the book does not build'; }
! grep -E 'WARN|ERROR' target/book.log || fail 'the book has warnings'

# Every page is in the book, or nobody finds it.
for page in docs/*.md; do
  name=$(basename "$page")
  [ "$name" = SUMMARY.md ] || grep -qF "($name)" docs/SUMMARY.md || fail "$page is not in docs/SUMMARY.md"
done

# A diagram that Mermaid cannot read is a picture of a bomb, which only a browser shows.
say 'drawing the diagrams in a headless browser'
for page in $(grep -lE '^```mermaid' docs/*.md); do
  wanted=$(grep -cE '^```mermaid' "$page")
  drawn=$(chromium --headless --no-sandbox --virtual-time-budget=20000 --dump-dom "file://$root/target/book/$(basename "$page" .md).html" 2>/dev/null |
    grep -oE '<svg [^>]*aria-roledescription="[^"]+"' | grep -cv '"error"') || true
  [ "$drawn" = "$wanted" ] || fail "$page has $wanted diagrams, and $drawn are drawn"
done

say 'checking links'
offline=(--offline)
[ "${CHECK_OUTSIDE:-}" != yes ] || offline=()
lychee=target/python/bin/lychee
"$lychee" --no-progress --include-fragments "${offline[@]}" README.md CONTRIBUTING.md CHANGELOG.md tests/README.md docs/*.md
"$lychee" --no-progress "${offline[@]}" --root-dir "$root/target/book" 'target/book/*.html'
say 'the book is in target/book: open index.html'
