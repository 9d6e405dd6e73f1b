set local search_path = pg_catalog, pg_temp;

-- Refuses what is neither test nor live.
create function payments.check_environment(environment text) returns void
  language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
  if environment is null or environment not in ('test', 'live') then
    raise exception 'environment must be test or live'
      using errcode = '22023', detail = payments.without_secrets(format('It is %s.', coalesce('"' || left(environment, 100) || '"', 'null'))),
            hint = 'Pass ''test'' or ''live''.';
  end if;
end
$$;

-- Live: refused until someone approves it by name.

create function payments.require_open_environment(environment text) returns void
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  if environment = 'live' and not exists (
    select from payments.environments e where e.environment = 'live' and e.live_approved_at is not null)
  then
    raise exception 'live is not approved'
      using errcode = '55000', detail = 'Nobody has approved taking real money.',
            hint = 'An admin approves it with payments.approve_live(approved_by).';
  end if;
end
$$;

/* Approves taking real money. Needs a webhook secret of live and an active price of live: without the first no payment
   would be heard of, without the second there is nothing to sell. From now on no test payment or subscription gives anything
   that counts for live; what test subscriptions gave ends. Raises 22023 (nobody's name), 55000. */
create function payments.approve_live(approved_by text) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.approve_live_body(approved_by text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.hide_secrets_from_log(array[approved_by]);
  if approved_by is null or btrim(approved_by) = '' then
    raise exception 'approved_by must name who approves'
      using errcode = '22023', detail = 'It is null or blank.', hint = 'Pass a name or an e-mail address.';
  end if;
  if approved_by <> payments.without_secrets(approved_by) then
    raise exception 'approved_by looks like a stripe secret'
      using errcode = '22023', detail = 'It is not shown.', hint = 'Pass a name or an e-mail address.';
  end if;
  if not payments.has_webhook_secret('live') then
    raise exception 'live has no webhook secret'
      using errcode = '55000', detail = 'Payments would be taken and never heard of.',
            hint = 'Set it with payments.set_webhook_secret(''live'', secret).';
  end if;
  if not exists (select from payments.prices p where p.environment = 'live' and p.active) then
    raise exception 'live has no active price'
      using errcode = '55000', detail = 'No row of payments.prices is active in live.',
            hint = 'Sync the catalog with payments.sync_stripe_objects(''live'', objects).';
  end if;
  -- A test subscription that is being delivered is waited for, so that it ends with the others.
  lock table payments.fact_links in exclusive mode;
  update payments.environments e
     set live_approved_by = approve_live_body.approved_by, live_approved_at = now(), went_live_at = coalesce(e.went_live_at, now())
   where e.environment = 'live';
  perform payments.settle_subscriptions('test');
end
$$;

/* Takes the approval back: from now on live is refused, sessions and Stripe's events alike. Stripe sends an event again for
   three days, so what is approved by then is not lost. What was paid for in live goes on to count, and test does not. */
create function payments.revoke_live() returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.revoke_live_body() returns void
  language sql set search_path = pg_catalog, pg_temp
as $$
  update payments.environments set live_approved_by = null, live_approved_at = null where environment = 'live'
$$;

set local search_path = payments, pg_temp;
