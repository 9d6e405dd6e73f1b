#!/usr/bin/env bash
# docs.sh: builds the book of docs/ into target/book, and checks the links of the book and of the other pages.
#
# Only links within the repository are followed (lychee --offline): the build must work without the internet, so that links to other
# sites are not checked. `CHECK_OUTSIDE=yes make docs` follows those too.
. "$(dirname "$0")/project.sh"
cd "$root"
mdbook_version=0.5.4

scripts/install-tools.sh docs
if [ "$(mdbook --version 2>/dev/null)" != "mdbook v$mdbook_version" ]; then
  say "installing mdbook $mdbook_version with cargo (some minutes)"
  cargo install mdbook --version "$mdbook_version" --locked --quiet
fi

say 'building the book'
rm -rf target/book
mdbook build > target/book.log 2>&1 || { cat target/book.log; fail 'the book does not build'; }
! grep -E 'WARN|ERROR' target/book.log || fail 'the book has warnings'

# Every page is in the book, or nobody finds it.
for page in docs/*.md; do
  name=$(basename "$page")
  [ "$name" = SUMMARY.md ] || grep -qF "($name)" docs/SUMMARY.md || fail "$page is not in docs/SUMMARY.md"
done

say 'checking links'
offline=(--offline)
[ "${CHECK_OUTSIDE:-}" != yes ] || offline=()
lychee=target/python/bin/lychee
"$lychee" --no-progress --include-fragments "${offline[@]}" README.md CONTRIBUTING.md CHANGELOG.md tests/README.md docs/*.md
"$lychee" --no-progress "${offline[@]}" --root-dir "$root/target/book" 'target/book/*.html'
say 'the book is in target/book: open index.html'
