set local search_path = pg_catalog, pg_temp;

-- What Stripe answered to the request of a session, and what went wrong.

-- An id in an answer of Stripe's, where it may stand alone or with its whole object.
create function payments.stripe_id(value jsonb) returns text
  language sql immutable set search_path = pg_catalog, pg_temp
as $$ select case jsonb_typeof(value) when 'object' then value ->> 'id' when 'string' then value #>> '{}' end $$;

create function payments.refuse_response(session_id uuid, why text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'response does not belong to this session'
    using errcode = '22023', detail = format('Session %s: %s', session_id, payments.without_secrets(why)),
          hint = 'Record the JSON that Stripe answered to this session''s own request; an error with payments.record_stripe_error().';
end
$$;

/* Records what Stripe answered to stripe_request: its id, url or client_secret, customer and what it pays for; the session is open (a portal
   session created, a subscription request completed).
   A webhook may have come first: what is known stays, and no status goes back. Returns the row.

   Raises P0002 (no such session), 22023 (not the response to this session's request). */
create function payments.record_stripe_response(session_id uuid, response jsonb) returns jsonb
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.record_stripe_response_body(session_id uuid, response jsonb) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  checkout payments.checkout_session;
  portal payments.customer_portal_session;
  is_checkout boolean;
  environment text;
  known text;
  mapped text;
  row_now jsonb;
  customer text := payments.stripe_id(response -> 'customer');
begin
  perform payments.hide_secrets_from_log(array[response::text]);
  if exists (select from payments.subscription_requests s where s.id = session_id) then
    -- The row before its lease, as who claims it locks them.
    row_now := payments.record_subscription_response(session_id, response);
    perform payments.end_lease(session_id);
    return row_now;
  end if;
  -- Before the row: who has the whole projection may be waiting for that.
  perform payments.lock_projection_shared();
  select (jsonb_populate_record(null::payments.checkout_session, to_jsonb(s.*))).* into checkout
    from payments.checkout_sessions s where s.id = session_id for update;
  is_checkout := found;
  if not is_checkout then
    select (jsonb_populate_record(null::payments.customer_portal_session, to_jsonb(s.*))).* into portal
      from payments.customer_portal_sessions s where s.id = session_id for update;
    if not found then
      perform payments.no_such_session(session_id);
    end if;
    -- Whose portal it is: the customer that the request named, or the subject's as long as nobody has asked for it.
    select coalesce(s.stripe_customer_id, s.request #>> '{params,customer}', (
             select m.stripe_customer_id
               from payments.stripe_customer_mappings m
              where m.environment = s.environment and m.subject_type = s.subject_type and m.subject_id = s.subject_id)) into mapped
      from payments.customer_portal_sessions s where s.id = session_id;
  end if;
  environment := coalesce(checkout.environment, portal.environment);
  known := coalesce(checkout.recovered_from, checkout.stripe_checkout_session_id, portal.raw ->> 'id');

  if response ->> 'id' is null
     or response ->> 'object' is distinct from (case when is_checkout then 'checkout.session' else 'billing_portal.session' end) then
    perform payments.refuse_response(session_id, format('it is no %s.', case when is_checkout then 'checkout.session' else 'billing_portal.session' end));
  elsif (response -> 'livemode') <> to_jsonb(environment = 'live')
     or response ->> 'id' like (case environment when 'live' then 'cs\_test\_%' else 'cs\_live\_%' end) then
    perform payments.refuse_response(session_id, format('it says livemode %s, the session is of %s.',
                                                        coalesce(response ->> 'livemode', 'nothing'), environment));
  elsif known is distinct from (response ->> 'id') and known is not null then
    perform payments.refuse_response(session_id, format('%s is recorded, and it says %s.', known, response ->> 'id'));
  elsif is_checkout and response ->> 'client_reference_id' <> session_id::text then
    perform payments.refuse_response(session_id, format('it is the response to session %s.', response ->> 'client_reference_id'));
  elsif not is_checkout and mapped is not null and customer is distinct from mapped then
    perform payments.refuse_response(session_id, format('its customer is %s, and it says %s.', mapped, coalesce(customer, 'none')));
  elsif is_checkout and exists (
    select from payments.checkout_sessions s
     where s.environment = checkout.environment and s.stripe_checkout_session_id = response ->> 'id' and s.id <> session_id)
  then
    perform payments.refuse_response(session_id, format('%s is recorded for another session.', response ->> 'id'));
  end if;

  perform set_config('search_path', payments.ordinary_search_path(), true);
  if is_checkout then
    -- Only a webhook makes a session completed, expired or paid.
    update payments.checkout_sessions as s
       set status = case when s.status operator(pg_catalog.=) any (array['initialized', 'failed']) then 'open' else s.status end,
           stripe_checkout_session_id = case when s.recovered_from is null then response operator(pg_catalog.->>) 'id'
                                             else s.stripe_checkout_session_id end,
           claimed_by_session = null,
           url = coalesce(response operator(pg_catalog.->>) 'url', s.url),
           -- Of a session that a webhook moved on nobody needs it; of one that Stripe recovered from it, it is not.
           client_secret = case when s.status operator(pg_catalog.=) any (array['initialized', 'failed', 'open']) and s.recovered_from is null
                                then coalesce(response operator(pg_catalog.->>) 'client_secret', s.client_secret) end,
           stripe_customer_id = coalesce(s.stripe_customer_id, customer),
           stripe_payment_intent_id = coalesce(s.stripe_payment_intent_id,
                                               payments.stripe_id(response operator(pg_catalog.->) 'payment_intent')),
           stripe_subscription_id = coalesce(s.stripe_subscription_id,
                                             payments.stripe_id(response operator(pg_catalog.->) 'subscription')),
           payment_status = coalesce(s.payment_status, case
             when (response operator(pg_catalog.->>) 'payment_status') operator(pg_catalog.=) 'unpaid' then 'unpaid' end),
           last_error = case when s.status operator(pg_catalog.=) any (array['initialized', 'failed']) then null else s.last_error end,
           raw = case when s.status operator(pg_catalog.=) any (array['initialized', 'failed'])
                        or s.raw operator(pg_catalog.=) '{}' then response else s.raw end
     where s.id operator(pg_catalog.=) session_id;
    -- What was said of it before follows in a trigger.
    select pg_catalog.to_jsonb(s.*) into row_now from payments.checkout_sessions as s where s.id operator(pg_catalog.=) session_id;
  else
    update payments.customer_portal_sessions as s
       set status = 'created',
           url = coalesce(response operator(pg_catalog.->>) 'url', s.url),
           stripe_customer_id = coalesce(s.stripe_customer_id, customer),
           last_error = null,
           raw = response
     where s.id operator(pg_catalog.=) session_id
    returning pg_catalog.to_jsonb(s.*) into row_now;
  end if;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  perform payments.end_lease(session_id);
  return row_now;
end
$$;

/* Records that Stripe refused the request, or could not be reached: the session is failed, with the reason. What looks like
   a Stripe key is taken out of it. A session that Stripe has made already stays as it is. Returns the row.

   Raises P0002 (no such session). */
create function payments.record_stripe_error(session_id uuid, error text) returns jsonb
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.record_stripe_error_body(session_id uuid, error text) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  row_now jsonb;
  reason text := left(payments.without_secrets(coalesce(error, 'unknown')), 2000);
begin
  perform payments.hide_secrets_from_log(array[error]);
  perform set_config('search_path', payments.ordinary_search_path(), true);
  update payments.checkout_sessions as s
     set status = 'failed', last_error = reason
   where s.id operator(pg_catalog.=) session_id and s.status operator(pg_catalog.=) any (array['initialized', 'failed'])
     and s.stripe_checkout_session_id is null
  returning pg_catalog.to_jsonb(s.*) into row_now;
  if row_now is null then
    update payments.customer_portal_sessions as s
       set status = 'failed', last_error = reason
     where s.id operator(pg_catalog.=) session_id and s.status operator(pg_catalog.=) any (array['initialized', 'failed'])
    returning pg_catalog.to_jsonb(s.*) into row_now;
  end if;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  if row_now is null then
    row_now := payments.record_subscription_error(session_id, reason);
  end if;
  perform payments.end_lease(session_id);
  if row_now is null then
    select to_jsonb(s.*) into row_now from payments.checkout_sessions s where s.id = session_id;
  end if;
  if row_now is null then
    select to_jsonb(s.*) into row_now from payments.customer_portal_sessions s where s.id = session_id;
  end if;
  if row_now is null then
    perform payments.no_such_session(session_id);
  end if;
  return row_now;
end
$$;

set local search_path = payments, pg_temp;
