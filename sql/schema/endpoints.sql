-- Endpoints that Stripe can post to through PostgREST: it hands the raw body to the one unnamed json argument, the headers in
-- request.headers, and takes the status from response.status. An event that fails answers 500, so that Stripe sends it
-- again, and stays recorded. Source: https://docs.postgrest.org/en/stable/references/api/functions.html

create function payments.answer_webhook(environment text, body json) returns json
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  headers text := nullif(current_setting('request.headers', true), '');
  answer jsonb;
begin
  answer := payments.receive_stripe_webhook(environment, body::text, headers::json ->> 'stripe-signature');
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
  'Endpoint for Stripe''s live events through PostgREST. 403: the signature is refused. 400: the body is not an event. 500: the event failed and is recorded.';
