set local search_path = pg_catalog, pg_temp;

-- The webhook secrets. The one table that stays a member of the extension, so that no dump holds it. It belongs to the installing
-- superuser and stands in a schema of its own, on which nobody has USAGE; row security is forced and there is no policy, so that
-- roles that may read or write all tables (pg_read_all_data, pg_write_all_data) find nothing in it and write nothing to it; the
-- planner keeps no statistics of it, which would hold a sample. Only the library's own code reads it, not through SQL
-- (src/pg/secret_table.rs). DROP EXTENSION forgets the secrets; set them again after a restore.

create schema payments_secret;
revoke all on schema payments_secret from public;

create table payments_secret.webhook_secrets (
  environment text not null check (environment = any ('{test,live}')),
  secret text not null,
  valid_from timestamptz not null,
  valid_until timestamptz
);
alter table payments_secret.webhook_secrets enable row level security;
alter table payments_secret.webhook_secrets force row level security;
alter table payments_secret.webhook_secrets
  alter column environment set statistics 0,
  alter column secret set statistics 0,
  alter column valid_from set statistics 0,
  alter column valid_until set statistics 0;

do $install$
begin
  if current_setting('row_security') = 'off' then
    raise notice 'payments: neither test nor live has a webhook secret, for a dump holds none; set them with payments.set_webhook_secret()';
  end if;
end
$install$;

set local search_path = payments, pg_temp;
