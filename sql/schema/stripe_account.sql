set local search_path = pg_catalog, pg_temp;

-- Whose events are one's own.

/* Says which Stripe account is the environment's own. Stripe names no account in the events of one's own; those of connected accounts,
   and of an organization's, name theirs and are ignored, all but this one's. Raises 22023. */
create function payments.set_stripe_account(environment text, stripe_account_id text) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.set_stripe_account_body(environment text, stripe_account_id text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  perform payments.hide_secrets_from_log(array[environment, stripe_account_id]);
  perform payments.check_environment(environment);
  if stripe_account_id is null or stripe_account_id !~ '^acct_[0-9A-Za-z]{1,250}$' then
    raise exception 'stripe_account_id must be the id of a Stripe account'
      using errcode = '22023', detail = payments.without_secrets(format('Given: %s.', coalesce(left(stripe_account_id, 100), 'null'))),
            hint = 'Pass the acct_… that Stripe''s dashboard shows under Settings, Account details.';
  end if;
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.stripe_connections as c (environment, stripe_account_id)
  values (set_stripe_account_body.environment, set_stripe_account_body.stripe_account_id)
  on conflict on constraint stripe_connections_environment_key do update
     set stripe_account_id = excluded.stripe_account_id
   where (c.stripe_account_id operator(pg_catalog.=) excluded.stripe_account_id) is not true;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
end
$$;

set local search_path = payments, pg_temp;
