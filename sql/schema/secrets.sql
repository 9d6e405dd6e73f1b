set local search_path = pg_catalog, pg_temp;

-- The webhook secrets. The one table that stays a member of the extension, so that no dump holds it; the installing
-- superuser owns it and nobody is granted anything, so no role can read it, payments_owner included. Only the library's own
-- code reads it, not through SQL (src/secrets.rs). DROP EXTENSION forgets the secrets; set them again after a restore.

create table payments.webhook_secrets (
  environment text not null check (environment in ('test', 'live')),
  secret text not null,
  valid_from timestamptz not null,
  valid_until timestamptz
);

do $install$
begin
  if current_setting('row_security') = 'off' then
    raise notice 'payments: neither test nor live has a webhook secret, for a dump holds none; set them with payments.set_webhook_secret()';
  end if;
end
$install$;

set local search_path = payments, pg_temp;
