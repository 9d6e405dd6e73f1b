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

create function payments.answer_webhook(environment text, body json) returns json
  language plpgsql set search_path = pg_catalog, pg_temp
as $function$
declare
  answered jsonb := payments.answer_at_endpoint(environment, body::text, payments.signature_header());
begin
  if answered ->> 'http_status' <> '200' then
    perform set_config('response.status', answered ->> 'http_status', true);
  end if;
  return answered -> 'answer';
end
$function$;

create function payments.stripe_webhook_test(json) returns json
  language plpgsql set search_path = pg_catalog, pg_temp
as $function$
begin
  return payments.answer_webhook('test', $1);
end
$function$;

create function payments.stripe_webhook_live(json) returns json
  language plpgsql set search_path = pg_catalog, pg_temp
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
