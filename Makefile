# make demo · make bridge · make test · make test-majors · make bench · make check · make docs · make mutants. Each installs
# what it needs and is missing (see scripts/), builds, and starts throw-away servers of its own; nothing is left running.
# PG_CONFIG names another PostgreSQL than Debian's.

.PHONY: demo bridge test test-majors bench check docs mutants install

# Two acts: the day of a shop in SQL, then a visit to a shop in a headless browser. SHOP=open leaves the second open for you to visit.
demo:
	@scripts/install-tools.sh demo
	@scripts/install-extension.sh debug
	@scripts/with-server.sh examples/demo.sh
	@cargo build --quiet -p payments-bridge
	@scripts/with-server.sh examples/shop/shop.sh $(if $(filter open,$(SHOP)),,node examples/shop/play.mjs shop_page)

bridge:
	@cargo build --release -p payments-bridge

test:
	@tests/run.sh $(ONLY)

bench:
	@scripts/install-tools.sh bench
	@scripts/install-extension.sh release
	@bench/run.sh

check:
	@scripts/check.sh

mutants:
	@scripts/mutants.sh $(ONLY)

docs:
	@scripts/docs.sh

test-majors:
	@scripts/test-majors.sh $(ONLY)

install:
	@scripts/install-tools.sh build
	@scripts/install-extension.sh release
