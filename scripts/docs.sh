#!/usr/bin/env bash
# docs.sh: builds the book of docs/ into target/book, and checks its diagrams, its links, and the links of the other pages.
#
# Only links within the repository are followed (lychee --offline), because the build must work without the internet. So links to
# other sites are not checked; `CHECK_OUTSIDE=yes make docs` checks them too.
. "$(dirname "$0")/project.sh"
cd "$root"
scripts/install-tools.sh docs
# with_cargo NAME VERSION: installs this version of a program if it is missing.
with_cargo() {
  ! "$1" --version 2>/dev/null | grep -qE " v?$2\$" || return 0
  say "installing $1 $2 with cargo (some minutes)"
  cargo install "$1" --version "$2" --locked --quiet
}
with_cargo mdbook 0.5.4
with_cargo mdbook-mermaid 0.17.1

# mdbook-mermaid contains the scripts that draw the diagrams, and writes them into the folder of a book.toml.
mkdir -p target/mermaid
: > target/mermaid/book.toml
mdbook-mermaid install target/mermaid > target/mermaid/install.log 2>&1 || { cat target/mermaid/install.log; fail 'no scripts for diagrams'; }

say 'building the book'
rm -rf target/book
mdbook build > target/book.log 2>&1 || { cat target/book.log; fail 'the book does not build'; }
! grep -E 'WARN|ERROR' target/book.log || fail 'the book has warnings'

# Every page must be in the book, or nobody finds it.
for page in docs/*.md; do
  name=$(basename "$page")
  [ "$name" = SUMMARY.md ] || grep -qF "($name)" docs/SUMMARY.md || fail "$page is not in docs/SUMMARY.md"
done

# Only a browser shows whether Mermaid can read a diagram; one that it cannot read becomes a picture of a bomb.
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
