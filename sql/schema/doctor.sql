set local search_path = pg_catalog, pg_temp;

-- The doctor: everything that a careful admin would look at. Each check is a small function that returns what it found, each with the
-- one statement or command that mends it; one that finds nothing is content. Where an admin of the app cannot run that, the check says
-- who can (mender): a superuser, or the owner of the table. This file has their list and what runs them; the other doctor_*.sql have the
-- checks.

create type payments.finding as (check_name text, ok boolean, detail text, fix text);

-- Every check in the order of the report: its name, its function, and what is so where that finds nothing.
create function payments.doctor_checks() returns table (check_name text, function text, healthy text)
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  values
    ('version', 'doctor_version', 'The library and the SQL of the extension are of one version.'),
    ('encoding', 'doctor_encoding', 'The database is encoded in UTF8.'),
    ('tables', 'doctor_tables', 'Every table is there and belongs to payments_owner; every index is valid.'),
    ('indexes', 'doctor_indexes', 'Every constraint and index of the extension is there, unchanged.'),
    ('views', 'doctor_views', 'Every view of the extension is there, unchanged.'),
    ('webhook secret', 'doctor_secrets', 'No environment is in use.'),
    ('live approval', 'doctor_live', 'Live is not in use.'),
    ('stripe account', 'doctor_accounts', 'Every environment that is in use knows its own account.'),
    ('wrong livemode', 'doctor_wrong_livemode', 'No event came to the endpoint of the other environment.'),
    ('event age', 'doctor_event_age', 'No environment is in use.'),
    ('event types', 'doctor_event_types', 'No environment is in use.'),
    ('failed events', 'doctor_failed_events', 'No event failed or waits.'),
    ('customer mappings', 'doctor_mappings', 'No checkout session claims a customer that is mapped otherwise.'),
    ('sync', 'doctor_sync', 'No backfill failed.'),
    ('unsent sessions', 'doctor_unsent_sessions', 'No session waits to be sent to Stripe.'),
    ('review', 'doctor_review', 'Nothing that was bought waits for a person.'),
    ('unfulfilled payments', 'doctor_unfulfilled', 'All money that arrived gave something, or went back.'),
    ('attached tables', 'doctor_attachments', 'Every attached table can be written to.'),
    ('benefits', 'doctor_benefits', 'Every kind of benefit has an attached table.'),
    ('subject types', 'doctor_subject_types', 'Every type of subject can be looked up.'),
    ('membership indexes', 'doctor_membership_indexes', 'Every membership table has an index on its user column.'),
    ('triggers', 'doctor_triggers', 'Every trigger of the extension is there, unchanged and enabled.'),
    ('event triggers', 'doctor_event_triggers', 'Both event triggers are enabled.'),
    ('row security', 'doctor_row_security', 'Every table forces row security.'),
    ('policies', 'doctor_policies', 'Every policy of the extension is there, unchanged.'),
    ('grants', 'doctor_grants', 'Nobody has more than grant_role() recorded, and nobody less.'),
    ('own roles', 'doctor_own_roles', 'The roles of the extension cannot log in, have no attributes, members or memberships.'),
    ('trusted roles', 'doctor_trusted_roles', 'No role of end users is trusted, and a role that logs in may set claims.'),
    ('publications', 'doctor_publications', 'No publication takes the webhook secrets along.'),
    ('settings', 'doctor_settings', 'No setting logs secrets, loses rows or keeps triggers from firing.')
$$;

/* Looks at everything that a careful admin would, and says of each whether it is well, and the one statement or command that mends
   it. A check that cannot run says so and keeps no other from running. Of large tables only the newest 64 MiB are looked at, or what
   an index finds. Raises 42501. */
create function payments.doctor() returns setof payments.finding
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.doctor_body() returns setof payments.finding
  language plpgsql stable set search_path = pg_catalog, pg_temp set quote_all_identifiers = off
as $$
declare
  wanted record;
  found_something boolean;
  finding payments.finding;
begin
  for wanted in select c.check_name, c.function, c.healthy from payments.doctor_checks() c loop
    begin
      found_something := false;
      for finding in
        execute format('select %L, f.ok, payments.visible(f.detail) || payments.who_mends(to_jsonb(f) ->> ''mender''), payments.visible(f.fix) '
                       'from payments.%I() f', wanted.check_name, wanted.function)
      loop
        found_something := true;
        return next finding;
      end loop;
      if not found_something then
        finding := (wanted.check_name, true, wanted.healthy, null);
        return next finding;
      end if;
    exception when others then
      finding := (wanted.check_name, false,
                  format('This check cannot run: %s (%s).', payments.visible(payments.without_secrets(sqlerrm)), sqlstate),
                  'select * from payments.doctor()');
      return next finding;
    end;
  end loop;
end
$$;

create function payments.who_mends(mender text) returns text
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select case mender when 'superuser' then ' Only a superuser can run the fix.'
                     when 'owner' then ' The owner of the table can run the fix.'
                     else '' end
$$;

-- Where the newest 64 MiB of a table begin: new rows are mostly put at its end. To be compared with ctid.
create function payments.newest_pages(relation text) returns tid
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select format('(%s,0)', greatest(pg_relation_size($1::regclass) - 64 * 1024 * 1024, 0) / current_setting('block_size')::bigint)::tid
$$;

-- The environments that are in use: those that can hear of money, heard of some or asked for it, and live once it was approved. A new
-- installation begins with test.
create function payments.environments_in_use() returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with used as (
    select e.environment
      from payments.environments e
     where e.live_approved_at is not null or e.went_live_at is not null
        or exists (select from payments.webhook_secret_terms(e.environment))
        or exists (select from payments.webhook_events w
                    where w.environment = e.environment and w.ctid >= (select payments.newest_pages('payments.webhook_events')))
        or exists (select from payments.checkout_sessions s
                    where s.environment = e.environment and s.ctid >= (select payments.newest_pages('payments.checkout_sessions')))
  )
  select u.environment from used u
  union all
  select 'test' where not exists (select from used)
  order by 1 desc
$$;

set local search_path = payments, pg_temp;
