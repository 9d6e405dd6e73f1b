-- Live is refused until someone approves it by name, with a secret to hear of payments and something to sell.
\set ON_ERROR_ROLLBACK on
begin;
create function pg_temp.ask() returns text language sql as $$
  select status from payments.create_checkout_session('live', 'payment', '[{"price": "price_live", "quantity": 1}]',
    'https://app.example.com/paid', 'https://app.example.com/cart') $$;
set local role project_admin;
select payments.approve_live(' ');
select payments.approve_live('ada@example.com');
select payments.set_webhook_secret('live', 'whsec_of_live');
select payments.approve_live('ada@example.com');
insert into payments.prices (environment, stripe_price_id, active) values ('live', 'price_live', false), ('test', 'price_test', true);
select payments.approve_live('ada@example.com');
update payments.prices set active = true;
select pg_temp.ask();
-- A backend's own INSERT is its own affair; no request goes out.
insert into payments.checkout_sessions (id, environment, mode, line_items, success_url, cancel_url)
values ('00000000-0000-4000-8000-000000000001', 'live', 'payment', '[{"price": "price_live", "quantity": 1}]', 'https://a.example/', 'https://a.example/');
select payments.stripe_request('00000000-0000-4000-8000-000000000001');
set local role anon;
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url)
values ('live', 'payment', '[{"price": "price_live", "quantity": 1}]', 'https://a.example/', 'https://a.example/');
select payments.approve_live('mallory');
update payments.environments set live_approved_at = now();
set local role project_admin;
update payments.environments set live_approved_at = now();
select payments.approve_live('ada@example.com');
select environment, live_approved_by, live_approved_at is not null as approved from payments.environments order by environment;
select pg_temp.ask();
set local role anon;
select pg_temp.ask();
set local role project_admin;
select payments.revoke_live();
select pg_temp.ask();
rollback;
