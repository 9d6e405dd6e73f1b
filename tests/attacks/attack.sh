# What every attack in kinds/ shares; each sources this file. run.sh gives each its own database with the extension (PGDATABASE),
# a folder for its files (SCRATCH), and a folder for results that are kept (RESULTS).
#
# An attack prints HELD or HARM. A control is the same attack with the protection removed. It must do harm, or the attack proves
# nothing.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PGOPTIONS="-c client_min_messages=warning"
anon='-c role=anon -c request.jwt.claims={"role":"anon"}'
mallory='-c role=authenticated -c request.jwt.claims={"sub":"mallory","role":"authenticated"}'

# q …: psql that continues after an error and prints it.
q() { psql -X -q -A -t -v VERBOSITY=terse "$@" 2>&1 < "${input:-/dev/null}"; }

# by OPTIONS …: the same through the gateway, as one of its roles.
by() {
  local options=$1
  shift
  PGUSER=authenticator PGOPTIONS="$PGOPTIONS $options" q "$@"
}

# is_said WORD TEXT: whether a text contains a word.
is_said() { [[ $2 == *"$1"* ]]; }

# is_true QUERY: whether the query returns t to a superuser.
is_true() { [ "$(q -c "$1" | tail -n 1)" = t ]; }

# attack NAME COMMAND…: prints HARM if the command succeeds, otherwise HELD.
attack() {
  local name=$1
  shift
  if "$@"; then echo "HARM $name"; else echo "HELD $name"; fi
}

# control NAME COMMAND…: the same with the protection removed.
control() {
  local name=$1
  shift
  if "$@"; then echo "control HARM $name"; else echo "control HELD $name"; fi
}

q -f "$here/sql/shop.sql"

# record_error: a superuser records that Stripe refused a checkout, which updates its row.
record_error() {
  q -c "with s as (insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url)
        values ('test', 'payment', '[{\"price\": \"p\", \"quantity\": 1}]', 'https://a.example', 'https://a.example') returning id)
        insert into public.made select id from s" \
    -c "select count(payments.record_stripe_error(m.id, 'x')) from public.made m where not m.done" -c "update public.made set done = true"
}
