#!/usr/bin/env bash
# The statement that sets a secret, on a server that logs all it can: the way in docs/security.md must leave no trace.
. "$(dirname "$0")/../attack.sh"
logging="-c log_statement=all -c log_min_duration_statement=0 -c log_duration=on -c log_parameter_max_length=-1 -c log_min_error_statement=error"
way=$(sed -n '/^begin;$/,/^commit;$/p' "$root/docs/security.md")
leaves_a_trace() { # SECRET SQL
  echo "$2" > "$SCRATCH/way.sql"
  PGOPTIONS="$PGOPTIONS $logging" q -f "$SCRATCH/way.sql"
  grep -q "$1" "$SERVER_LOG"
}
[ -n "$way" ] || echo "HARM docs give no way to set a secret without a trace"
attack "the way that docs give leaves a trace" leaves_a_trace whsec_untraced "${way/whsec_of_the_endpoint/whsec_untraced}"
attack "the secret was not set" is_true "select not payments.has_webhook_secret('test')"
control "a plain statement leaves one" leaves_a_trace whsec_traced "select payments.set_webhook_secret('test', 'whsec_traced')"
