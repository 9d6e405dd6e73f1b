-- Live is refused until someone approves it by name, with a secret to hear of payments and something to sell.
\set ON_ERROR_ROLLBACK on
begin;
create function pg_temp.ask() returns text language sql as $$
  select status from payments.create_checkout_session('live', 'payment', '[{"price": "price_live", "quantity": 1}]',
    'https://app.example.com/paid', 'https://app.example.com/cart') $$;
set local role project_admin;
select payments.approve_live(' ');
select payments.approve_live('sk_live_abc');
select payments.approve_live('ada@example.com');
select payments.set_webhook_secret('live', 'whsec_of_live');
select payments.approve_live('ada@example.com');
insert into payments.prices (environment, stripe_price_id, active)
values ('live', 'price_live', false), ('test', 'price_test', true);
select payments.approve_live('ada@example.com');
update payments.prices set active = true;
select pg_temp.ask();
-- A backend's own INSERT is refused as well, where it asks; what has happened may be written down, and no request goes
-- out.
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url)
values ('live', 'payment', '[{"price": "price_live", "quantity": 1}]', 'https://a.example/', 'https://a.example/');
insert into payments.customer_portal_sessions (environment, subject_type, subject_id) values ('live', 'user', 'u1');
insert into payments.checkout_sessions (id, environment, mode, status, line_items, success_url, cancel_url)
values ('00000000-0000-4000-8000-000000000001', 'live', 'payment', 'open', '[{"price": "price_live", "quantity": 1}]',
        'https://a.example/', 'https://a.example/');
select payments.stripe_request('00000000-0000-4000-8000-000000000001');
set local role anon;
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url)
values ('live', 'payment', '[{"price": "price_live", "quantity": 1}]', 'https://a.example/', 'https://a.example/');
select payments.approve_live('mallory');
update payments.environments set live_approved_at = now();
set local role project_admin;
update payments.environments set live_approved_at = now();
select payments.approve_live('ada@example.com');
select environment, live_approved_by, live_approved_at is not null as approved from payments.environments
 order by environment;
select pg_temp.ask();
set local role anon;
select pg_temp.ask();
set local role project_admin;
select payments.revoke_live();
select pg_temp.ask();
-- Events of live are refused too: with 403 at the endpoint, so that Stripe sends them again; nothing is written.
select payments.apply_stripe_event('live',
                                   '{"id": "evt_live", "object": "event", "type": "payout.paid", "created": 1,
                                     "livemode": true, "data": {"object": {"id": "po_1"}}}');
reset role;
create function pg_temp.posted(environment text, secret text) returns json language plpgsql as $$
declare
  body text := format('{"id": "evt_live", "object": "event", "type": "payout.paid", "created": 1, "livemode": %s,
                        "data": {"object": {"id": "po_1"}}}', (environment = 'live')::text);
  t text := extract(epoch from now())::bigint;
begin
  perform set_config('request.headers', json_build_object('stripe-signature',
    format('t=%s,v1=%s', t,
           encode(public.hmac(convert_to(t || '.' || body, 'UTF8'), secret::bytea, 'sha256'), 'hex')))::text, true);
  perform set_config('response.status', '', true);
  return case environment when 'live' then payments.stripe_webhook_live(body::json)
      else payments.stripe_webhook_test(body::json) end;
end $$;
select folded(pg_temp.posted('live', 'whsec_of_live')::text) as posted, current_setting('response.status') as http;
select pg_temp.posted('live', 'whsec_forged'), current_setting('response.status') as http;
select pg_temp.posted('test', 'whsec_of_live');
-- Headers that are no JSON hold no signature.
select set_config('request.headers', 'stripe-signature: t=1', true);
select payments.stripe_webhook_live('{}');
delete from payments_secret.webhook_secrets;
select pg_temp.posted('live', 'whsec_of_live');
select count(*) as written from payments.webhook_events;
rollback;
