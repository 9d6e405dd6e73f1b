-- retire_secrets: the secrets so far stay valid for a while. $1 environment text, $2 keep interval
update payments.webhook_secrets s
   set valid_until = least(coalesce(s.valid_until, 'infinity'::timestamptz), pg_catalog.clock_timestamp() + $2)
 where s.environment = $1
