# What every attack in kinds/ shares; sourced by them. run.sh gives each a database of its own with the extension (PGDATABASE) and
# a folder for its files (SCRATCH) and one for what stays (RESULTS).
#
# An attack says HELD or HARM. A control is the same attack with the protection taken away: it must do harm, or the attack proves
# nothing.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PGOPTIONS="-c client_min_messages=warning"
anon='-c role=anon -c request.jwt.claims={"role":"anon"}'
mallory='-c role=authenticated -c request.jwt.claims={"sub":"mallory","role":"authenticated"}'

# q …: psql that goes on after an error and shows it.
q() { psql -X -q -A -t -v VERBOSITY=terse "$@" 2>&1 < "${input:-/dev/null}"; }

# by OPTIONS …: the same through the gateway, as one of its roles.
by() {
  local options=$1
  shift
  PGUSER=authenticator PGOPTIONS="$PGOPTIONS $options" q "$@"
}

# is_said WORD TEXT: whether a text holds a word.
is_said() { [[ $2 == *"$1"* ]]; }

# is_true QUERY: whether a superuser is answered with t.
is_true() { [ "$(q -c "$1" | tail -n 1)" = t ]; }

# attack NAME COMMAND…: the command succeeds where harm was done.
attack() {
  local name=$1
  shift
  if "$@"; then echo "HARM $name"; else echo "HELD $name"; fi
}

# control NAME COMMAND…: the same without the protection.
control() {
  local name=$1
  shift
  if "$@"; then echo "control HARM $name"; else echo "control HELD $name"; fi
}

q -f "$here/sql/shop.sql"

# record_error: a superuser says that Stripe refused a checkout, which updates its row.
record_error() {
  q -c "with s as (insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url)
        values ('test', 'payment', '[{\"price\": \"p\", \"quantity\": 1}]', 'https://a.example', 'https://a.example') returning id)
        insert into public.made select id from s" \
    -c "select count(payments.record_stripe_error(m.id, 'x')) from public.made m where not m.done" -c "update public.made set done = true"
}
