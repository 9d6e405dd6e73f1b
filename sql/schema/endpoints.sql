set local search_path = pg_catalog, pg_temp;

-- Endpoints that Stripe can post to through PostgREST: it hands the raw body to the one unnamed json argument, the headers in
-- request.headers, and takes the status from response.status. An event that fails answers 500, so that Stripe sends it
-- again, and stays recorded. Source: https://docs.postgrest.org/en/stable/references/api/functions.html

-- The header that Stripe signed with; null where there is none, or where the headers are no JSON object.
create function payments.signature_header() returns text
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $function$
begin
  return nullif(current_setting('request.headers', true), '')::json ->> 'stripe-signature';
exception when data_exception then
  return null;
end
$function$;

-- That live is not approved is answered with 403, which no error of its SQLSTATE is; all else that is raised has the status
-- that PostgREST gives it: 403 a signature, 400 a body, 500 a missing secret.
create function payments.answer_webhook(environment text, body json) returns json
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  signature text := payments.signature_header();
  answer jsonb;
begin
  if environment = 'live' and exists (
    select from payments.environments e where e.environment = 'live' and e.live_approved_at is null)
  then
    begin
      answer := payments.receive_stripe_webhook(environment, body::text, signature);
    exception when object_not_in_prerequisite_state then
      -- A body that verified was refused because of that; a secret that is missing is an error of the server's.
      if not payments.has_webhook_secret(environment) then
        raise;
      end if;
      perform set_config('response.status', '403', true);
      return jsonb_build_object('received', false, 'handled', false, 'duplicate', false, 'status', 'refused',
                                'event_id', null, 'event_type', null, 'error', sqlerrm);
    end;
  else
    answer := payments.receive_stripe_webhook(environment, body::text, signature);
  end if;
  if answer ->> 'status' = 'failed' then
    perform set_config('response.status', '500', true);
  elsif answer ->> 'status' = 'refused' then
    perform set_config('response.status', '400', true);
  end if;
  return answer;
end
$function$;

create function payments.stripe_webhook_test(json) returns json
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $function$
begin
  return payments.answer_webhook('test', $1);
end
$function$;

create function payments.stripe_webhook_live(json) returns json
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $function$
begin
  return payments.answer_webhook('live', $1);
end
$function$;

comment on function payments.stripe_webhook_test(json) is
  'Endpoint for Stripe''s test events through PostgREST. 403: the signature is refused. 400: the body is not an event. 500: the event failed and is recorded.';
comment on function payments.stripe_webhook_live(json) is
  'Endpoint for Stripe''s live events through PostgREST. 403: a bad signature, or live is not approved. 400: not an event. 500: the event failed and is recorded.';

set local search_path = payments, pg_temp;
