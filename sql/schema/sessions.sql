set local search_path = pg_catalog, pg_temp;

-- Asking to pay: the callers' functions, and the request to Stripe. The guards are in src/session/.

-- A session as the functions return it: the columns of the table, in their order. A type of its own, since no member of the
-- extension may depend on a table.
create type payments.checkout_session as (
  id uuid,
  environment text,
  mode text,
  status text,
  payment_status text,
  subject_type text,
  subject_id text,
  created_by text,
  guest boolean,
  guest_transaction bigint,
  created_at timestamptz,
  updated_at timestamptz,
  customer_email text,
  line_items jsonb,
  success_url text,
  cancel_url text,
  idempotency_key text,
  metadata jsonb,
  stripe_checkout_session_id text,
  stripe_customer_id text,
  stripe_payment_intent_id text,
  stripe_subscription_id text,
  claimed_by_session text,
  recovered_from text,
  url text,
  client_secret text,
  last_error text,
  raw jsonb,
  request jsonb,
  request_digest text
);

create type payments.customer_portal_session as (
  id uuid,
  environment text,
  status text,
  subject_type text,
  subject_id text,
  stripe_customer_id text,
  return_url text,
  configuration_id text,
  url text,
  last_error text,
  raw jsonb,
  created_by text,
  request jsonb,
  created_at timestamptz,
  updated_at timestamptz
);

create function payments.touch_updated_at() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := now();
  return new;
end
$$;

-- As whoever runs it: the caller, under his own row security, or, for a backend, the definer.
create function payments.insert_checkout_session(
  environment text, mode text, line_items jsonb, success_url text, cancel_url text,
  subject_type text default null, subject_id text default null, customer_email text default null,
  metadata jsonb default '{}', idempotency_key text default null
) returns payments.checkout_session
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made jsonb;
  first jsonb;
  trusted boolean := payments.caller_is_admin();
  asked jsonb := jsonb_build_object(
    'mode', $2, 'subject_type', $6, 'subject_id', $7, 'customer_email', $8, 'line_items', $3, 'success_url', $4,
    'cancel_url', $5, 'metadata', coalesce($9, '{}'));
begin
  -- Of a backend's own INSERT the guard checks the forms only; through this function it asks as strictly as anyone. A
  -- request that is repeated was judged before, also if another caller has the plain key meanwhile (set_aside() of the core).
  if trusted and not exists (
    select from payments.checkout_sessions s
     where s.environment = $1 and s.idempotency_key in ($10, $10 || chr(31) || encode(sha256('backend'), 'hex'))
       and s.created_by is null and not s.guest)
  then
    perform payments.check_checkout_session($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, '{}'), $10);
  end if;

  -- An app's triggers on the table find the search_path of an ordinary session.
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.checkout_sessions as s (environment, mode, line_items, success_url, cancel_url, subject_type, subject_id,
                                               customer_email, metadata, idempotency_key)
  values ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, '{}'), $10)
  on conflict (environment, idempotency_key) where idempotency_key is not null do nothing
  returning pg_catalog.to_jsonb(s.*) into made;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

  if made is null then
    -- The guard has seen to it that the row with this key is the caller's own (src/session/checkout.rs).
    select to_jsonb(s.*) into first
      from payments.checkout_sessions s
     where s.environment = $1 and s.idempotency_key = $10;
    if first is null or coalesce(first ->> 'request_digest', payments.request_digest(first::text)) is distinct from payments.request_digest(asked::text) then
      raise exception 'idempotency key was used for another request'
        using errcode = 'PT409',
              detail = payments.without_secrets(format('Environment %s, key %s.', $1, $10)),
              hint = 'Use a new key for a new request; repeat a request unchanged to get its session again.';
    end if;
    made := first;
  end if;
  return jsonb_populate_record(null::payments.checkout_session, made);
end
$$;

-- A backend's, so that an app's trigger on the table never runs as a superuser who calls.
create function payments.insert_checkout_session_of_backend(
  environment text, mode text, line_items jsonb, success_url text, cancel_url text,
  subject_type text, subject_id text, customer_email text,
  metadata jsonb, idempotency_key text
) returns payments.checkout_session
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.insert_checkout_session_of_backend_body(
  environment text, mode text, line_items jsonb, success_url text, cancel_url text,
  subject_type text, subject_id text, customer_email text,
  metadata jsonb, idempotency_key text
) returns payments.checkout_session
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.insert_checkout_session($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) $$;

/* Inserts a checkout session as the caller and returns it. The same key and the same request by the same caller returns the
   first row, whatever its state.

   Raises 22023 (a bad argument), 42501 (not the caller's subject), 55000 (live is not approved), 23505 (the subject has a subscription
   of that product), PT409 (the key was used for another request). */
create function payments.create_checkout_session(
  environment text, mode text, line_items jsonb, success_url text, cancel_url text,
  subject_type text default null, subject_id text default null, customer_email text default null,
  metadata jsonb default '{}', idempotency_key text default null
) returns payments.checkout_session
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if payments.caller_is_admin() then
    return payments.insert_checkout_session_of_backend($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
  end if;
  return payments.insert_checkout_session($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
end
$$;

-- As whoever runs it, as insert_checkout_session.
create function payments.insert_portal_session(
  environment text, subject_type text, subject_id text, return_url text default null, configuration_id text default null
) returns payments.customer_portal_session
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made jsonb;
begin
  if not payments.check_portal_session($1, $2, $3, $4, $5) then
    raise exception 'subject has no stripe customer'
      using errcode = 'PT404',
            detail = payments.without_secrets(format('Subject %s %s, environment %s.', $2, $3, $1)),
            hint = 'Its first completed checkout gives it one, unless another subject has that customer: then an admin maps one.';
  end if;
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.customer_portal_sessions as s (environment, subject_type, subject_id, return_url, configuration_id)
  values ($1, $2, $3, $4, $5)
  returning pg_catalog.to_jsonb(s.*) into made;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  return jsonb_populate_record(null::payments.customer_portal_session, made);
end
$$;

create function payments.insert_portal_session_of_backend(
  environment text, subject_type text, subject_id text, return_url text, configuration_id text
) returns payments.customer_portal_session
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.insert_portal_session_of_backend_body(
  environment text, subject_type text, subject_id text, return_url text, configuration_id text
) returns payments.customer_portal_session
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.insert_portal_session($1, $2, $3, $4, $5) $$;

/* Inserts a portal session as the caller and returns it. For a subject that has a Stripe customer.

   Raises 42501 (nobody is signed in, or not the caller's subject), PT404 (no customer: show "subscribe" instead), 22023, 55000.
   What raises leaves no row; a backend that keeps failed attempts inserts the row itself and then marks it as failed. */
create function payments.create_customer_portal_session(
  environment text, subject_type text, subject_id text, return_url text default null, configuration_id text default null
) returns payments.customer_portal_session
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if payments.caller_is_admin() then
    return payments.insert_portal_session_of_backend($1, $2, $3, $4, $5);
  end if;
  return payments.insert_portal_session($1, $2, $3, $4, $5);
end
$$;

create function payments.no_such_session(session_id uuid) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'session does not exist'
    using errcode = 'P0002', detail = format('Id %s.', coalesce(session_id::text, 'null')),
          hint = 'Pass the id of a row of checkout_sessions, customer_portal_sessions or subscription_requests.';
end
$$;

-- The metadata by which Stripe's objects are found again (projection.md): stamped here, refused from callers.
create function payments.linking_metadata(session payments.checkout_session) returns jsonb
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    p || 'checkout_session_id', session.id::text,
    p || 'checkout_mode', session.mode,
    p || 'subject_type', session.subject_type,
    p || 'subject_id', session.subject_id)
  from payments.metadata_prefix() p
$$;

-- The keys by which Stripe's objects could be found, whoever wrote them.
create function payments.linking_keys() returns text[]
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select array_agg(p || n)
    from unnest(payments.metadata_prefixes()) p, unnest('{checkout_session_id,checkout_mode,subject_type,subject_id}'::text[]) n
$$;

-- The metadata that goes to Stripe, which takes 50 keys: those that link back, then of the row's own the first in their order. A
-- linking key that the row does not imply (a backend may have written one) does not go.
create function payments.metadata_to_send(session payments.checkout_session) returns jsonb
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select sent.linking || (
    select coalesce(jsonb_object_agg(own.key, own.value), '{}')
      from (select m.key, m.value
              from jsonb_each(session.metadata - payments.linking_keys()) m
             order by m.key collate "C"
             limit 50 - (select count(*) from jsonb_object_keys(sent.linking))) own)
    from payments.linking_metadata(session) links, jsonb_strip_nulls(links) as sent (linking)
$$;

create function payments.portal_params(session payments.customer_portal_session) returns jsonb
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  customer text := (
    select m.stripe_customer_id
      from payments.stripe_customer_mappings m
     where m.environment = session.environment and m.subject_type = session.subject_type and m.subject_id = session.subject_id);
begin
  if customer is null then
    raise exception 'subject has no stripe customer'
      using errcode = 'PT404',
            detail = format('Subject %s %s, environment %s.', session.subject_type, session.subject_id, session.environment),
            hint = 'Its first completed checkout gives it one, unless another subject has that customer: then an admin maps one.';
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'customer', customer, 'return_url', session.return_url, 'configuration', session.configuration_id));
end
$$;

/* The request to send to Stripe for a checkout or portal session, or a subscription request: method, path, idempotency_key, stripe_version
   (for the header Stripe-Version) and params, nested as Stripe's API names them. The same session gives the same request, so that it may
   be sent again under its key: what was said first is kept with the row, whatever becomes of the subject's customer, of checkout defaults
   or of a setting meanwhile.
   (Where nothing can be written, on a standby, it is said and not kept, and without a trial: nobody would count that.) Stripe takes 50 keys
   of metadata: the keys that link back go first, of the row's own as many as there is room for, in the order of their names; the others
   stay in the row.

   Raises P0002 (no such session), 55000 (live is not approved, or the session is over), PT404 (a portal for a subject without a
   customer), 25001 (a trial, under another isolation level than read committed), 22023 (payments.stripe_version). Source: https://docs.stripe.com/api/checkout/sessions/create, https://docs.stripe.com/api/customer_portal/sessions/create. */
create function payments.stripe_request(session_id uuid) returns jsonb
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.stripe_request_body(session_id uuid) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  checkout payments.checkout_session;
  portal payments.customer_portal_session;
  kept jsonb;
  said jsonb;
  may_write boolean := current_setting('transaction_read_only') = 'off';
begin
  if exists (select from payments.subscription_requests s where s.id = session_id) then
    return payments.request_of_subscription(session_id);
  end if;
  if may_write then
    -- Of two who ask at once the second waits, and is told what the first was.
    perform from payments.checkout_sessions s where s.id = session_id for no key update;
    perform from payments.customer_portal_sessions s where s.id = session_id for no key update;
  end if;
  select (jsonb_populate_record(null::payments.checkout_session, to_jsonb(s.*))).* into checkout
    from payments.checkout_sessions s where s.id = session_id;
  if found then
    if checkout.status in ('completed', 'expired') then
      raise exception 'session is %', checkout.status
        using errcode = '55000', detail = format('Session %s.', session_id),
              hint = case when checkout.idempotency_key is null then 'Make a new session.'
                          else 'Make a new session under another idempotency key: this one''s is answered with this session.' end;
    end if;
    perform payments.require_open_environment(checkout.environment);
    select s.request into kept from payments.checkout_sessions s where s.id = session_id;
    said := coalesce(kept, jsonb_build_object(
      'method', 'POST', 'path', '/v1/checkout/sessions', 'idempotency_key', 'checkout_session_' || session_id,
      'stripe_version', payments.stripe_version(),
      'params', payments.checkout_params(checkout)));
  else
    select (jsonb_populate_record(null::payments.customer_portal_session, to_jsonb(s.*))).* into portal
      from payments.customer_portal_sessions s where s.id = session_id;
    if not found then
      perform payments.no_such_session(session_id);
    end if;
    perform payments.require_open_environment(portal.environment);
    select s.request into kept from payments.customer_portal_sessions s where s.id = session_id;
    said := coalesce(kept, jsonb_build_object(
      'method', 'POST', 'path', '/v1/billing_portal/sessions', 'idempotency_key', 'portal_session_' || session_id,
      'stripe_version', payments.stripe_version(),
      'params', payments.portal_params(portal)));
  end if;
  if kept is null and may_write then
    perform set_config('search_path', payments.ordinary_search_path(), true);
    update payments.checkout_sessions as s set request = said where s.id operator(pg_catalog.=) session_id;
    update payments.customer_portal_sessions as s set request = said
     where s.id operator(pg_catalog.=) session_id and checkout.id is null;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  end if;
  return said;
end
$$;

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.checkout_sessions'::regclass and tgname = 'payments_guard') then
    create trigger payments_guard before insert on payments.checkout_sessions
      for each row execute function payments.guard_checkout_session();
    alter trigger payments_guard on payments.checkout_sessions depends on extension payments;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.customer_portal_sessions'::regclass and tgname = 'payments_guard') then
    create trigger payments_guard before insert on payments.customer_portal_sessions
      for each row execute function payments.guard_portal_session();
    alter trigger payments_guard on payments.customer_portal_sessions depends on extension payments;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.checkout_sessions'::regclass and tgname = 'payments_secrets') then
    create trigger payments_secrets
      before update of subject_type, subject_id, customer_email, line_items, success_url, cancel_url, idempotency_key,
        metadata, status, stripe_checkout_session_id, stripe_customer_id, stripe_payment_intent_id, stripe_subscription_id, url,
        client_secret, last_error, raw
      on payments.checkout_sessions for each row
      execute function payments.keep_secrets_out();
    alter trigger payments_secrets on payments.checkout_sessions depends on extension payments;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.customer_portal_sessions'::regclass and tgname = 'payments_secrets') then
    create trigger payments_secrets
      before update of subject_type, subject_id, stripe_customer_id, return_url, configuration_id, url, last_error, raw
      on payments.customer_portal_sessions for each row
      execute function payments.keep_secrets_out();
    alter trigger payments_secrets on payments.customer_portal_sessions depends on extension payments;
  end if;
end
$install$;

set local search_path = payments, pg_temp;
