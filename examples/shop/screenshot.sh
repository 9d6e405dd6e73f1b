#!/usr/bin/env bash
# Renews the screenshot of docs/shop.md: scripts/with-server.sh examples/shop/screenshot.sh
. "$(dirname "$0")/../../scripts/project.sh"
exec "$root/examples/shop/shop.sh" node "$root/examples/shop/play.mjs" shop_page "$root/docs/shop.png"
