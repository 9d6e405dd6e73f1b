#!/usr/bin/env bash
# All privileges, compared with privileges/expected.out. After an intended change, read the difference, then copy the result
# there; its path is printed if it differs.
. "$(dirname "$0")/../attack.sh"
expected=$here/privileges/expected.out
differs() {
  q -c "begin" -f "$here/privileges/matrix.sql" -c "rollback" > "$RESULTS/privileges.matrix"
  ! diff "$expected" "$RESULTS/privileges.matrix" > "$SCRATCH/matrix.diff" && echo "# $RESULTS/privileges.matrix" && cut -c1-300 "$SCRATCH/matrix.diff"
}
attack "the privileges are others than those written down" differs
# One of each kind of privilege that must not appear unnoticed.
slips() { q -c "$2"; control "$1" differs; q -c "$3"; }
slips "a column for a guest" "grant update (url) on payments.checkout_sessions to anon" "revoke update (url) on payments.checkout_sessions from anon"
slips "a function for a guest" "grant execute on function payments.outer_role() to anon" "revoke execute on function payments.outer_role() from anon"
slips "a function of the old kind" "alter function payments.explain(text) security definer" "alter function payments.explain(text) security invoker"
slips "a function without its path" "alter function payments.explain(text) reset all" "alter function payments.explain(text) set search_path = pg_catalog, pg_temp"
slips "a table without row security" "alter table payments.facts no force row level security" "alter table payments.facts force row level security"
slips "a policy" "create policy planted on payments.facts using (true)" "drop policy planted on payments.facts"
slips "a schema" "grant usage on schema payments_secret to anon" "revoke usage on schema payments_secret from anon"
slips "a member of the owner" "grant payments_owner to service_role" "revoke payments_owner from service_role"
attack "the privileges are others than before" differs
