#!/usr/bin/env bash
# The shop's day runs to its end, with the right result; see examples/demo.sql.
. "$(dirname "$0")/../database.sh"

says() { grep -qE -- "$1" "$work/demo.txt"; }

day() { "$root/examples/demo.sh" > "$work/demo.txt" 2>&1; }

check 'the day runs to its end' day
[ "$failed" = 0 ] || cat "$work/demo.txt"
check 'the book is paid, and refunded after the lost dispute' says '^ ada +│ paid +│ +4900'
check 'a duplicate is told' says 'checkout.session.completed +processed \(a duplicate\)'
check 'the forged event is refused' says 'ERROR: +webhook signature does not match'
check 'a stranger may not bill for the team' says 'ERROR: +caller may not bill for this subject'
check 'the order nobody paid in full stays pending' says '^ mallory +│ pending +│ +89900'
check 'credits are granted, spent and taken back' says '^ +-200 │ +100 │ refund'
check 'the course ends with its refund' says '^ ada +│ course:sql │ f'
check 'the team keeps its other subscription' says '^ acme +│ sub_old +│ active'
check 'a plan gives credits each month, and last month'"'"'s lapse' says '^ +-100 │ +0 │ expiry'
check 'credits of a plan are spent' says '^ +-30 │ +70 │ spend'
check 'a person is asked to look' says 'needs_review.*100 was paid'
check 'nothing differs from its facts' says '^ +0$'

# The worker of examples/ claims and finishes the shop's jobs.
works() { PGDATABASE=shop "$python" "$root/examples/worker.py" --once > "$work/worker.txt" 2>&1; }
done_jobs() { psql -X -qtA -d shop -c "select string_agg(distinct state, ', ') from fulfillment_jobs"; }
all_done() { [ "$(done_jobs)" = done ]; }

check 'the worker works off what is due' works
[ "$failed" = 0 ] || cat "$work/worker.txt"
check 'it sends receipts' grep -qE 'send a receipt for 4900 [a-z]+ to user ada' "$work/worker.txt"
check 'every job is done' all_done
finish
