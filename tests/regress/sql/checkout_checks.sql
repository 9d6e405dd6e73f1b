-- What may be asked: each check with its own message, for a plain INSERT and for the function alike.
\set ON_ERROR_ROLLBACK on
begin;
insert into payments.prices (environment, stripe_price_id, active, type, recurring_interval) values
  ('test', 'price_once', true, 'one_time', null), ('test', 'price_month', true, 'recurring', 'month'),
  ('test', 'price_old', false, 'one_time', null), ('live', 'price_live', true, 'one_time', null);
create function pg_temp.ask(environment text default 'test', mode text default 'payment',
    line_items jsonb default '[{"stripePriceId": "price_once", "quantity": 1}]',
    success_url text default 'https://app.example.com/paid',
    cancel_url text default 'https://app.example.com/cart', subject_type text default 'user',
    subject_id text default 'u1',
    customer_email text default null, metadata jsonb default '{}', idempotency_key text default null) returns text
  language sql as $$ select status from payments.create_checkout_session($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) $$;
grant execute on all functions in schema pg_temp to public;
set local role authenticated;
set local request.jwt.claims = '{"sub": "u1"}';

select pg_temp.ask();
select pg_temp.ask('test', 'subscription', '[{"price": "price_month", "quantity": 2}]',
                   customer_email => 'buyer@example.com',
                   metadata => '{"order_id": "7"}');
select pg_temp.ask(line_items => '[{"price": "price_unknown", "quantity": 1}]',
                   success_url => 'http://localhost:3000/?s={CHECKOUT_SESSION_ID}');

-- environment, mode, subject
select pg_temp.ask(environment => 'prod');
select pg_temp.ask(environment => null);
select pg_temp.ask(environment => 'live', line_items => '[{"price": "price_live", "quantity": 1}]');
select pg_temp.ask(mode => 'setup');
select pg_temp.ask(mode => null);
select pg_temp.ask(mode => 'subscription', subject_type => null, subject_id => null,
                   line_items => '[{"price": "price_month", "quantity": 1}]');
select pg_temp.ask(subject_id => null);
select pg_temp.ask(subject_type => null);
select pg_temp.ask(subject_id => 'u2');
select pg_temp.ask(subject_type => 'team');
select pg_temp.ask(subject_type => '');
-- line items
select pg_temp.ask(line_items => null);
select pg_temp.ask(line_items => '{}');
select pg_temp.ask(line_items => '[]');
select pg_temp.ask(line_items => (select jsonb_agg('{"price": "p", "quantity": 1}'::jsonb)
                                    from generate_series(1, 100)));
select pg_temp.ask(line_items => (select jsonb_agg('{"price": "p", "quantity": 1}'::jsonb)
                                    from generate_series(1, 101)));
select pg_temp.ask(line_items => '[{"price": "p", "quantity": 1}, {"quantity": 1}]');
select pg_temp.ask(line_items => '[{"price": "p"}]');
select pg_temp.ask(line_items => '[{"price": "p", "quantity": 0}]');
select pg_temp.ask(line_items => '[{"price": "p", "quantity": 1.5}]');
select pg_temp.ask(line_items => '[{"price": "p", "quantity": 1, "price_data": {"unit_amount": 1}}]');
-- prices that the catalog knows
select pg_temp.ask(line_items => '[{"price": "price_old", "quantity": 1}]');
select pg_temp.ask(line_items => '[{"price": "price_live", "quantity": 1}]');
select pg_temp.ask(line_items => '[{"price": "price_month", "quantity": 1}]');
select pg_temp.ask(mode => 'subscription');
select pg_temp.ask(mode => 'subscription', line_items => '[{"price": "price_once"}, {"price": "price_month"}]',
                   idempotency_key => null);
-- URLs, e-mail
select pg_temp.ask(success_url => '/paid');
select pg_temp.ask(success_url => null);
select pg_temp.ask(cancel_url => 'javascript:alert(1)');
select pg_temp.ask(cancel_url => 'https://app.example.com@evil.example/');
select pg_temp.ask(customer_email => 'buyer');
-- metadata
select pg_temp.ask(metadata => '[]');
select pg_temp.ask(metadata => '{"n": 1}');
select pg_temp.ask(metadata => (select jsonb_object_agg('k' || n, 'v') from generate_series(1, 51) n));
select pg_temp.ask(metadata => jsonb_build_object(repeat('k', 41), 'v'));
select pg_temp.ask(metadata => jsonb_build_object('k', repeat('v', 501)));
select pg_temp.ask(metadata => '{"insforge_subject_id": "u2"}');
select pg_temp.ask(metadata => '{"insforge_other": "x"}');
select pg_temp.ask(metadata => '{"insforge_subject_type": "user", "insforge_subject_id": "u1",
                                 "insforge_checkout_mode": "payment"}');
-- keys
select pg_temp.ask(idempotency_key => '');
select pg_temp.ask(idempotency_key => repeat('k', 201));
select pg_temp.ask(idempotency_key => E'a\x1fb');
-- Nothing that looks like a Stripe secret; the value is not in the answer.
select pg_temp.ask(subject_id => 'sk_live_abc');
select pg_temp.ask(customer_email => 'sk_test_abc@example.com');
select pg_temp.ask(success_url => 'https://app.example.com/?key=rk_live_abc');
select pg_temp.ask(cancel_url => 'https://app.example.com/?key=whsec_abc');
select pg_temp.ask(line_items => '[{"price": "sk_live_abc", "quantity": 1}]');
select pg_temp.ask(metadata => '{"note": "my key is sk_live_abc"}');
select pg_temp.ask(metadata => '{"sk_test_abc": "x"}');
select pg_temp.ask(idempotency_key => 'rk_test_abc');

select pg_temp.ask(environment => 'sk_live_abc');
select pg_temp.ask(mode => 'sk_live_abc');
-- However it is written: escaped, encoded, within a word; as restricted keys are, short or long. What is only a word
-- passes.
select pg_temp.ask(metadata => '{"a": "\nsk_live_abcdefghijklmnop"}');
select pg_temp.ask(metadata => '{"a\tsk_live_abc": "x"}');
select pg_temp.ask(metadata => '{"a": "xsk_live_abcdefghijklmnop"}');
select pg_temp.ask(metadata => '{"a": "\u0073k_live_abc"}');
select pg_temp.ask(success_url => 'https://a.b/?k%3Dsk_live_abcdef');
select pg_temp.ask(idempotency_key => 'rk_abcdefgh');
select pg_temp.ask(metadata => '{"a": "desk_live_music", "b": "rk_item", "c": "task_test_results"}');
-- JSON that the server takes and nobody else reads.
select pg_temp.ask(metadata => '{"a": 1e400}');
select pg_temp.ask(line_items => '[{"price": "price_once", "quantity": 1e999}]');
select pg_temp.ask(metadata => (repeat('{"a":', 200) || '1' || repeat('}', 200))::jsonb);
insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, line_items, success_url,
                                        cancel_url, metadata)
values ('test', 'payment', 'user', 'u1', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/',
        '{"a": 1e400}');
-- A host that is none; a reserved key in other letters; more keys than Stripe takes.
select pg_temp.ask(success_url => 'https://[');
select pg_temp.ask(success_url => 'https://a:b');
select pg_temp.ask(success_url => 'https://.');
select pg_temp.ask(metadata => '{"Insforge_subject_id": "u1"}');
select pg_temp.ask(metadata => (select jsonb_object_agg('k' || n, 'v') from generate_series(1, 50) n));
select pg_temp.ask(metadata => (select jsonb_object_agg('k' || n, 'v') || '{"insforge_checkout_mode": "payment"}'
                                  from generate_series(1, 50) n));
select pg_temp.ask(metadata => (select jsonb_object_agg('k' || n, 'v') from generate_series(1, 51) n));

-- A guest asks for a one-time checkout without a subject, and for nothing else.
set local role anon;
set local request.jwt.claims = '';
select pg_temp.ask(subject_type => null, subject_id => null);
select pg_temp.ask();
select pg_temp.ask(mode => 'subscription', subject_type => null, subject_id => null,
                   line_items => '[{"price": "price_month", "quantity": 1}]');

-- A backend bills for whom it likes; through the function it is held to the rest.
set local role project_admin;
select pg_temp.ask(subject_type => 'team', subject_id => 'any');
select pg_temp.ask(line_items => '[{"price": "price_old", "quantity": 1}]');
select pg_temp.ask(metadata => '{"insforge_subject_id": "u2"}');
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url, metadata)
values ('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/',
        '{"a": 1e400}');
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url, raw)
values ('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/',
        '{"a": 1e400}') returning status;
-- Its own INSERT may write any state, of any price. Forms and secrets are checked.
insert into payments.checkout_sessions (environment, mode, status, payment_status, subject_type, subject_id, line_items,
                                        success_url, cancel_url,
    metadata, stripe_checkout_session_id, url, raw)
values ('live', 'payment', 'completed', 'paid', 'team', 't1', '[{"price": "price_old", "quantity": 1}]',
        'https://a.example/', 'https://a.example/',
    '{"insforge_subject_id": "t1"}', 'cs_live_1', 'https://checkout.stripe.com/c/pay/cs_live_1', '{"id": "cs_live_1"}')
    returning status, created_by, guest;
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url, metadata)
values ('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/',
        '{"note": "sk_live_abc"}');
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url, url)
values ('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/',
        'https://a.example/?k=sk_live_abc');
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url, status, last_error, raw)
values ('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/', 'failed',
    'Invalid API Key provided: sk_live_abc', '{"error": {"message": "Invalid API Key provided: sk_live_abc"}}')
    returning last_error, raw;
-- Nor do the reserved keys say of a row what it does not imply.
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url, metadata)
values ('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/',
        '{"insforge_subject_type": "user", "insforge_subject_id": "victim"}');
-- Of what it notes later a secret is taken out; where none can be, it is refused. Stripe's own secrets of one payment
-- are none of these.
create temp table noted as select id from payments.checkout_sessions where status = 'failed';
grant select on noted to public;
update payments.checkout_sessions set status = 'failed', last_error = 'Expired API Key provided: rk_test_abc'
 where id in (select id from noted) returning status, last_error;
update payments.checkout_sessions
   set raw = '{"id": "cs_test_1", "client_secret": "cs_test_1_secret_fidkdWx", "headers": ["Bearer sk_test_abc"]}'
 where id in (select id from noted) returning raw;
update payments.checkout_sessions set url = 'https://a.example/?k=sk_live_abc' where id in (select id from noted);
update payments.checkout_sessions set metadata = '{"k": "whsec_abc"}' where id in (select id from noted);
update payments.checkout_sessions set stripe_customer_id = 'sk_live_abc' where id in (select id from noted);
update payments.checkout_sessions
   set status = 'open', stripe_checkout_session_id = 'cs_test_1',
       url = 'https://checkout.stripe.com/c/pay/cs_test_1#fidkdWxOYHwnPyd1blpxYHZxWjA0%2F'
 where id in (select id from noted) returning last_error, url;
insert into payments.customer_portal_sessions (environment, subject_type, subject_id, status, last_error)
values ('test', 'user', 'u1', 'failed', 'Invalid API Key provided: sk_live_abc') returning last_error;
update payments.customer_portal_sessions set last_error = 'again: sk_live_abc', raw = '["sk_live_abc"]'
returning last_error, raw;
update payments.customer_portal_sessions set url = 'https://a.example/?k=sk_live_abc';
select payments.record_stripe_response(id,
                                       '{"id": "bps_1", "object": "billing_portal.session",
                                         "url": "https://a.example/?k=sk_live_abc"}')
  from payments.customer_portal_sessions;
rollback;

-- What the functions return is the table's row, column for column, so that a row of the table takes it.
select t.what, array_agg((a.attname, a.atttypid::regtype)::text order by a.attnum) filter (where a.attrelid = t.type_of)
       as of_type,
       array_agg((a.attname, a.atttypid::regtype)::text order by a.attnum) filter (where a.attrelid = t.table_of)
           as of_table into temp columns
  from (values ('checkout', 'payments.checkout_session'::regclass, 'payments.checkout_sessions'::regclass),
               ('portal', 'payments.customer_portal_session', 'payments.customer_portal_sessions')) t (what, type_of,
               table_of)
  join pg_attribute a on a.attrelid in (t.type_of, t.table_of) and a.attnum > 0 and not a.attisdropped
 group by 1;
select what, of_type = of_table as the_same, cardinality(of_type) > 10 as compared from columns order by 1;
do $$
declare
  s payments.checkout_sessions;
begin
  select * into s
    from payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/',
                                          'https://a.example/');
  raise notice '% %', s.status, s.success_url;
end
$$;

-- Who has a key is not seen in every snapshot, so a caller who presents one needs the newest.
begin isolation level repeatable read;
set local role authenticated;
set local request.jwt.claims = '{"sub": "u1"}';
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url)
values ('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/');
insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url, idempotency_key)
values ('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/', 'https://a.example/', 'k')
on conflict (environment, idempotency_key) where idempotency_key is not null do nothing;
rollback;

-- Our guards are for our own tables.
create temp table mine (raw jsonb);
create trigger keep before update on mine for each row execute function payments.keep_secrets_out();
insert into mine values ('{}');
update mine set raw = '{}';
