#!/usr/bin/env bash
# Clients and signatures of other authors: Stripe's Node and Python libraries, pg and psycopg, directly and through
# pgbouncer in transaction mode. Requests are compiled against the types of Stripe's Node library.
. "$(dirname "$0")/../database.sh"
here=$tests/clients
export NODE_PATH=$node_modules

fresh_database direct
fresh_database pooled
secret=$("$python" -c "import json; print(json.load(open('$here/events.json'))['SECRET'])")
for database in direct pooled; do
  sql -d "$database" -c "select payments.set_webhook_secret('test', '$secret')" >/dev/null
done

# Like a server, pgbouncer refuses to run as root. It listens on its own socket.
pool=$work/pool
mkdir "$pool"
cat > "$pool/pgbouncer.ini" <<INI
[databases]
pooled = host=$PGHOST port=$PGPORT dbname=pooled user=postgres
[pgbouncer]
pool_mode = transaction
default_pool_size = 2
auth_type = any
unix_socket_dir = $pool
listen_addr =
listen_port = 6432
ignore_startup_parameters = extra_float_digits
logfile = $pool/log
pidfile = $pool/pid
INI
chmod 755 "$work"
[ "$(id -u)" != 0 ] || chown -R postgres "$pool"
as_postgres pgbouncer -q "$pool/pgbouncer.ini" > /dev/null 2>&1 &
trap 'kill "$(cat "$pool/pid")" 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 50); do [ -S "$pool/.s.PGSQL.6432" ] && break; sleep 0.1; done

# Counts each case of a client.
client() {
  local output
  output=$(timeout 120 "${@:2}" 2>&1) || true
  sed "s/^\(ok    \|FAILED\) /\1 $1, /" <<< "$output"
  passed=$((passed + $(grep -c '^ok ' <<< "$output" || true)))
  failed=$((failed + $(grep -c '^FAILED ' <<< "$output" || true)))
  grep -q '^ok ' <<< "$output" || failed=$((failed + 1))
}

fresh_database typed
client typed node "$here/params.cjs" "$PGHOST" "$PGPORT" typed "$work/typed"
client direct node "$here/client.cjs" "$PGHOST" "$PGPORT" direct
client direct "$python" "$here/client.py" "$PGHOST" "$PGPORT" direct
client pooled node "$here/client.cjs" "$pool" 6432 pooled
client pooled "$python" "$here/client.py" "$pool" 6432 pooled
finish
