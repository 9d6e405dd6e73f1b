-- What is no event of Stripe's, or not for this endpoint, is refused with a reason, and leaves nothing.
select payments.receive_stripe_webhook('test', '{}', 't=1,v1=00');
select payments.has_webhook_secret('test');
select payments.set_webhook_secret('test', ' ');
select payments.set_webhook_secret('test', 'sk_test_123');
select payments.set_webhook_secret('staging', 'whsec_story');
-- The arguments swapped: what may be the secret is not shown. Nor is one that is no secret at all.
select payments.set_webhook_secret('whsec_swapped', 'test');
select payments.receive_stripe_webhook('whsec_swapped', '{}', 't=1,v1=00');
select payments.set_webhook_secret('test', 'whsec_');
select payments.set_webhook_secret('test', E'whsec_a\x07b');
select payments.set_webhook_secret('test', 'whsec_story', '300000 years');
select payments.set_webhook_secret('test', 'whsec_story', '-1 day');
select payments.set_webhook_secret('test', 'whsec_story');
select payments.has_webhook_secret('test'), payments.has_webhook_secret('live');
select '{"id": "evt_1", "object": "event", "type": "customer.created", "created": 1752000000, "livemode": false, '
       '"data": {"object": {"id": "cus_1", "object": "customer", "email": "ada@example.com", "metadata": {}, '
       '"name": "Zoë 💳"}}}' as event \gset
-- The signature: missing, malformed, wrong, too old, from the future.
select payments.receive_stripe_webhook('test', :'event', null);
select payments.receive_stripe_webhook('test', :'event', '');
select payments.receive_stripe_webhook('test', :'event', 'nonsense');
select payments.receive_stripe_webhook('test', :'event', 't=1752000000,t=1752000000,v1=00');
select payments.receive_stripe_webhook('test', :'event', 't=1752000000,v1=' || repeat('0', 64));
create function signed(body text, at timestamptz) returns text language sql as $$
  select format('t=%s,v1=%s', t,
                encode(public.hmac(convert_to(t || '.' || body, 'UTF8'), 'whsec_story'::bytea, 'sha256'), 'hex'))
    from (select extract(epoch from at)::bigint as t) as clock $$;
create function refused(body text, at timestamptz) returns text language plpgsql as $$
declare hint text; begin
  perform payments.receive_stripe_webhook('test', body, signed(body, at)); return 'accepted';
exception when others then get stacked diagnostics hint = pg_exception_hint;
  return format(E'%s: %s\n%s', sqlstate, sqlerrm, hint);
end $$;
select refused(:'event', now() - interval '10 minutes');
select refused(:'event', now() + interval '10 minutes');
-- The body: not JSON, too deep, not an event, too large.
select refused('nope', now());
select refused(repeat('[', 200) || repeat(']', 200), now());
select refused('{"id": "evt_1"}', now());
select refused(replace(:'event', '1752000000', '1.5'), now());
select refused(:'event' || repeat(' ', 1024 * 1024), now());
select payments.receive_stripe_webhook('test', '\xff'::bytea, 't=1,v1=00');
create function refused_bytes(body bytea) returns text language plpgsql as $$
declare t text := extract(epoch from now())::bigint; detail text; begin
  perform payments.receive_stripe_webhook('test', body,
                                          format('t=%s,v1=%s', t,
                                          encode(public.hmac(convert_to(t || '.', 'UTF8') || body, 'whsec_story'::bytea,
                                          'sha256'), 'hex'))); return 'accepted';
exception when others then get stacked diagnostics detail = pg_exception_detail;
  return format('%s: %s (%s)', sqlstate, sqlerrm, detail);
end $$;
select refused_bytes('\xff');
select payments.set_webhook_secret('test', null);
select payments.apply_stripe_event('test', null);
select payments.receive_stripe_webhook('staging', :'event', 't=1,v1=00');
select payments.receive_stripe_webhook(null, :'event', 't=1,v1=00');
select payments.receive_stripe_webhook('test', null::text, 't=1,v1=00');
begin isolation level repeatable read;
select payments.apply_stripe_event('test', :'event'::jsonb);
rollback;
select count(*) as written from payments.webhook_events;
-- Text and bytes alike; a second delivery is a duplicate; what is stored still verifies; the same id with another body
-- is refused.
select folded(payments.receive_stripe_webhook('test', :'event', signed(:'event', now()))::text) as answer;
select folded(payments.receive_stripe_webhook('test', convert_to(:'event', 'UTF8'), signed(:'event', now()))::text)
       as answer;
select payments.stored_event_verifies('test', 'evt_1');
select folded(payments.receive_stripe_webhook('test', body, signed(body, now()))::text) as answer
  from replace(:'event', 'ada@', 'eve@') as body;
select stripe_event_id, processing_status, attempt_count, refused_count, payload #>> '{data,object,name}' as name
  from payments.webhook_events;
select stripe_customer_id, email, name from payments.customers;
-- A NUL can be signed and sent; it is stored byte for byte, beside the payload, which any query can read, and shown as
-- U+FFFD.
select payments.receive_stripe_webhook('test', body, signed(body, now())) ->> 'status'
  from replace(replace(:'event', 'evt_1', 'evt_2'), '"Zoë 💳"', '"a\u0000b"') as body;
select name from payments.customers;
select position('\u0000' in signed_body) > 0 as stored, folded(payload::text, 60) as payload,
       payments.stored_event_verifies('test', 'evt_2')
  from payments.webhook_events where stripe_event_id = 'evt_2';
select count(payload::jsonb ->> 'type') as readable, count(*) filter (where payload::text = :'event') as byte_for_byte
  from payments.webhook_events;
-- So is a number that nothing can hold: it is shown as the string that it was.
select payments.receive_stripe_webhook('test', body, signed(body, now())) ->> 'status'
  from replace(replace(:'event', 'evt_1', 'evt_2b'), '"Zoë 💳"', '"Zoë", "balance": -1e999999') as body;
select raw ->> 'balance' as shown, position('-1e999999' in signed_body) > 0 as stored,
       payments.stored_event_verifies('test', 'evt_2b')
  from payments.webhook_events, payments.customers where stripe_event_id = 'evt_2b';
-- What jsonb takes and no reader of ours does is refused with a word, or read all the same.
select payments.apply_stripe_event('test', (repeat('[', 1000) || repeat(']', 1000))::jsonb);
select payments.sync_stripe_objects('test', (repeat('[', 1000) || repeat(']', 1000))::jsonb);
select payments.sign_test_event((repeat('[', 1000) || repeat(']', 1000))::jsonb) is not null as signed;
select payments.apply_stripe_event('test',
                                   '{"id": "evt_2c", "object": "event", "type": "customer.created", "created": 1,
                                     "livemode": false,
                                     "data": {"object": {"id": "cus_2c", "object": "customer", "balance": 1e400}}}')
       ->> 'status' as status;
select payments.sync_stripe_objects('test', '[{"id": "cus_2d", "object": "customer", "balance": 1e400}]')
       ->> 'synced' as synced;
select length(raw ->> 'balance') as digits from payments.customers where stripe_customer_id in ('cus_2c', 'cus_2d');
-- A number is kept as it was written.
select payments.apply_stripe_event('test',
                                   '{"id": "evt_2e", "object": "event", "type": "payout.paid", "created": 1,
                                     "livemode": false,
                                     "data": {"object": {"id": "po_2", "rate": 1.10,
                                     "big": 123456789012345678901234567890}}}') ->> 'status' as status;
select payload #>> '{data,object}' as object from payments.webhook_events where stripe_event_id = 'evt_2e';
delete from payments.customers where stripe_customer_id in ('cus_2c', 'cus_2d');
-- Unknown types and thin events are stored and ignored, with the reason.
select folded(payments.apply_stripe_event('test', '{"id": "evt_3", "object": "event", "type": "payout.paid",
         "created": 1, "livemode": false, "data": {"object": {"id": "po_1"}}}')::text) as answer;
select folded(payments.apply_stripe_event('test', '{"id": "evt_4", "object": "v2.core.event",
         "type": "v1.billing.meter.error_report_triggered", "created": "2025-01-01T00:00:00Z", "livemode": false,
         "related_object": {"id": "mtr_1", "type": "billing.meter"}}')::text) as answer;
-- An object that is not what Stripe documents fails its event, visibly; so does an app's own trigger that raises.
-- Mended, it is run again.
select folded(payments.apply_stripe_event('test', '{"id": "evt_5", "object": "event", "type": "charge.succeeded",
         "created": 1, "livemode": false,
         "data": {"object": {"id": "ch_1", "object": "charge", "amount": 1.5, "currency": "usd"}}}')::text) as answer;
create function no_customers() returns trigger language plpgsql as $$
  begin raise exception 'no more customers' using errcode = 'P0001'; end $$;
create trigger no_customers before insert on payments.customers for each row execute function no_customers();
select folded(payments.apply_stripe_event('test', '{"id": "evt_6", "object": "event", "type": "customer.created",
         "created": 1, "livemode": false, "data": {"object": {"id": "cus_6", "object": "customer"}}}')::text) as answer;
select stripe_event_id, processing_status, attempt_count, folded(last_error, 60) as last_error
  from payments.webhook_events
 where processing_status = 'failed' order by 1;
drop trigger no_customers on payments.customers;
select payments.replay_events('test');
select stripe_event_id, processing_status, attempt_count, folded(last_error, 60) as last_error
  from payments.webhook_events
 where stripe_event_id in ('evt_5', 'evt_6') order by 1;
select stripe_customer_id from payments.customers order by 1;
-- What the app's constraint trigger puts off until the commit fails the event, not the call.
create constraint trigger no_customers after insert on payments.customers deferrable initially deferred
  for each row execute function no_customers();
begin;
select folded(payments.apply_stripe_event('test', '{"id": "evt_7", "object": "event", "type": "customer.created",
         "created": 1, "livemode": false, "data": {"object": {"id": "cus_7", "object": "customer"}}}')::text) as answer;
commit;
select processing_status, last_error from payments.webhook_events where stripe_event_id = 'evt_7';
-- Only that: what else the caller put off is his, and still waits.
create table parents (id int primary key);
create table children (parent int references parents deferrable initially deferred);
create function who() returns trigger language plpgsql as $$
  begin raise notice 'it runs as %', current_user; return null; end $$;
create constraint trigger who after insert on children deferrable initially deferred
  for each row execute function who();
begin;
insert into children values (1);
select payments.apply_stripe_event('test',
                                   '{"id": "evt_8", "object": "event", "type": "customer.created", "created": 1,
                                     "livemode": false, "data": {"object": {"id": "cus_8", "object": "customer"}}}')
       ->> 'error' as error;
insert into parents values (1);
commit;
-- A backfill counts the object that fails, and goes on.
select payments.sync_stripe_objects('test',
                                    '[{"id": "cus_9", "object": "customer"},
                                      {"id": "prod_9", "object": "product", "name": "Nine"}]');
drop trigger no_customers on payments.customers;
-- The secret is rolled: both verify for a while, and neither shows.
select payments.set_webhook_secret('test', 'whsec_rolled', '1 hour');
select payments.receive_stripe_webhook('test', :'event', signed(:'event', now())) ->> 'duplicate' as under_the_old;
select payments.set_webhook_secret('test', 'whsec_last', '0 seconds');
select refused(:'event', now());
-- Set again it stands once; what has ended is forgotten.
select payments.set_webhook_secret('test', 'whsec_last');
select environment, count(*), count(valid_until) as ending from payments_secret.webhook_secrets group by 1;
set role service_role;
select * from payments_secret.webhook_secrets;
reset role;
set role payments_owner;
select * from payments_secret.webhook_secrets;
reset role;

-- An event of the other environment is answered, or Stripe would send it again for days; it is counted and stored
-- nowhere.
select payments.set_webhook_secret('test', 'whsec_story') is not null as set;
select a ->> 'status' as status, a ->> 'received' as received, a ->> 'event_id' as event, a ->> 'error' as error
  from (select payments.receive_stripe_webhook('test', b, signed(b, now())) as a
          from replace(:'event', '"livemode": false', '"livemode": true') b) as answered;
select a ->> 'status' as status, a ->> 'error' as error
  from payments.apply_stripe_event('live', :'event') a;
select environment, wrong_livemode_count, wrong_livemode_at is not null as at from payments.stripe_connections
 where wrong_livemode_count > 0 order by 1;
select count(*) from payments.webhook_events where payload ->> 'livemode' = 'true';
-- The same event in the words of another API version is no stranger: a duplicate, or a second try of what failed.
select format('{"id": "evt_%s", "object": "event", "api_version": "%s", "type": "charge.succeeded", '
              '"created": 1752000000, "livemode": false, '
              '"data": {"object": {"id": "ch_v", "object": "charge", "amount": %s, "currency": "usd"}}}',
              'v', '2025-02-24.acacia', '1.5') as acacia \gset
select payments.apply_stripe_event('test', :'acacia') ->> 'status' as unreadable;
select replace(replace(:'acacia', '2025-02-24.acacia', '2025-03-31.basil'), '1.5', '150') as basil \gset
select a ->> 'status' as status, a ->> 'duplicate' as duplicate from payments.apply_stripe_event('test', :'basil') a;
select processing_status, attempt_count, payload ->> 'api_version' as stored from payments.webhook_events
 where stripe_event_id = 'evt_v';
select a ->> 'status' as status, a ->> 'duplicate' as duplicate from payments.apply_stripe_event('test', :'acacia') a;
-- The same version with other words is one.
select a ->> 'status' as status, a ->> 'error' as error
  from payments.apply_stripe_event('test', replace(:'basil', '150', '160')::jsonb) a;
select payload ->> 'api_version' as stored, refused_count from payments.webhook_events where stripe_event_id = 'evt_v';
