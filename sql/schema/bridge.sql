set local search_path = pg_catalog, pg_temp;

-- What the program beside the database keeps here: how far it read Stripe's list of events, its webhook endpoint, how far a backfill got.

-- Refuses what is no short name, or holds one of Stripe's secrets.
create function payments.check_short(name text, value text, form text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.hide_secrets_from_log(array[value]);
  if value is not null and (value <> payments.without_secrets(value) or value !~ form or char_length(value) > 2000) then
    raise exception '% is not usable', name
      using errcode = '22023', detail = payments.without_secrets(format('Given: %s.', left(value, 100))),
            hint = 'Pass what Stripe told, without any key.';
  end if;
end
$$;

/* The id of the newest event that was read from Stripe's list of events; null where none was read yet. Raises 22023. */
create function payments.events_cursor(environment text) returns text
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.events_cursor_body(environment text) returns text
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.check_environment(environment);
  return (select c.events_cursor from payments.stripe_connections c where c.environment = $1);
end
$$;

/* Keeps it, once every event up to it was applied, and when that was. Null: the list is to be read from its beginning. Raises 22023. */
create function payments.set_events_cursor(environment text, event_id text) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.set_events_cursor_body(environment text, event_id text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.check_environment(environment);
  perform payments.check_short('event_id', event_id, '^evt_[0-9A-Za-z_]{1,250}$');
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.stripe_connections as c (environment, events_cursor, events_read_at)
  values ($1, $2, pg_catalog.now())
  on conflict on constraint stripe_connections_environment_key do update
     set events_cursor = excluded.events_cursor, events_read_at = excluded.events_read_at;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
end
$$;

/* Keeps which webhook endpoint Stripe posts to, since when, and in which API version it renders events: the connection is there.
   Raises 22023. */
create function payments.record_webhook_endpoint(environment text, endpoint_id text, url text, api_version text default null)
  returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.record_webhook_endpoint_body(environment text, endpoint_id text, url text, api_version text)
  returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.check_environment(environment);
  perform payments.check_short('endpoint_id', coalesce(endpoint_id, ''), '^we_[0-9A-Za-z_]{1,250}$');
  perform payments.check_short('url', coalesce(url, ''), '^https?://[^[:space:]@]+$');
  perform payments.check_short('api_version', api_version, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[0-9a-z._-]{0,50}$');
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.stripe_connections as c
    (environment, webhook_endpoint_id, webhook_endpoint_url, webhook_configured_at, webhook_api_version, status)
  values ($1, $2, $3, pg_catalog.now(), $4, 'connected')
  on conflict on constraint stripe_connections_environment_key do update
     set webhook_endpoint_id = excluded.webhook_endpoint_id, webhook_endpoint_url = excluded.webhook_endpoint_url,
         webhook_configured_at = excluded.webhook_configured_at, webhook_api_version = excluded.webhook_api_version,
         status = excluded.status;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
end
$$;

/* Where a backfill of a resource ('customers', say) goes on; null: at the beginning, as also after it was finished. Raises 22023. */
create function payments.sync_position(environment text, resource text) returns text
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.sync_position_body(environment text, resource text) returns text
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.check_environment(environment);
  return (select p.cursor from payments.sync_progress p where p.environment = $1 and p.resource = $2 and p.finished_at is null);
end
$$;

/* Records how far a backfill of a resource got: the cursor of its next page and how many objects this page had, which are added up
   from its beginning; that it is finished; or the error that it stopped at, after which it goes on where it was. What became of the
   last backfill of all resources stands in stripe_connections. Raises 22023. */
create function payments.record_sync(environment text, resource text, cursor text, objects bigint, finished boolean default false,
                                     error text default null) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.record_sync_body(environment text, resource text, cursor text, objects bigint, finished boolean, error text)
  returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  reason text := left(payments.without_secrets(error), 2000);
  counts jsonb;
  wrong text;
begin
  perform payments.hide_secrets_from_log(array[error]);
  perform payments.check_environment(environment);
  perform payments.check_short('resource', coalesce(resource, ''), '^[a-z_./]{1,100}$');
  perform payments.check_short('cursor', $3, '^[0-9A-Za-z_]{1,255}$');
  if objects is null or objects < 0 then
    raise exception 'objects must not be negative'
      using errcode = '22023', detail = format('It is %s.', coalesce(objects::text, 'null')), hint = 'Pass how many objects the page had.';
  end if;
  insert into payments.sync_progress as p (environment, resource, cursor, objects, last_error, finished_at)
  values ($1, $2, $3, $4, reason, case when $5 then now() end)
  on conflict on constraint sync_progress_pkey do update
     set cursor = coalesce(excluded.cursor, case when p.finished_at is null and reason is not null then p.cursor end),
         objects = case when p.finished_at is null then p.objects else 0 end + excluded.objects,
         started_at = case when p.finished_at is null then p.started_at else now() end,
         finished_at = excluded.finished_at,
         last_error = excluded.last_error;
  select jsonb_object_agg(p.resource, p.objects), string_agg(format('%s: %s', p.resource, p.last_error), '; ' order by p.resource) filter (where p.last_error is not null)
    into counts, wrong
    from payments.sync_progress p where p.environment = $1;
  if not coalesce($5, false) and reason is null then
    return;
  end if;
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.stripe_connections as c (environment, last_synced_at, last_sync_status, last_sync_error, last_sync_counts)
  values ($1, pg_catalog.now(), case when wrong is null then 'succeeded' else 'failed' end, wrong, counts)
  on conflict on constraint stripe_connections_environment_key do update
     set last_synced_at = excluded.last_synced_at, last_sync_status = excluded.last_sync_status,
         last_sync_error = excluded.last_sync_error, last_sync_counts = excluded.last_sync_counts;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
end
$$;

set local search_path = payments, pg_temp;
