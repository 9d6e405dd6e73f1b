-- What an event's object may not say, and what an admin's word about a customer counts for.
create function said(type text, object jsonb, id text, created bigint default 1752000000) returns text
  language sql as $$
  select folded(format('%s %s', a ->> 'status', a ->> 'error'))
    from payments.apply_stripe_event('test',
                                     jsonb_build_object('id', id, 'object', 'event', 'type', type, 'created', created,
           'livemode', false, 'data', jsonb_build_object('object', object))) a $$;
-- An object that cannot be read fails its event, and the reason names it.
select said('charge.succeeded', '{"id": "ch_1", "object": "charge", "amount": 1.5}', 'evt_1');
select said('customer.created', '{"id": "cus_1", "object": "customer", "email": 7}', 'evt_2');
-- A key that decides may not be said twice, in a mirrored object either.
select payments.set_webhook_secret('test', 'whsec_story');
create function delivered(object text, id text) returns text language sql as $$
  with body as (
    select format('{"id": "%s", "object": "event", "type": "customer.subscription.updated", "created": 1752000000, '
                  '"livemode": false, "data": {"object": %s}}', id, object) as text,
           extract(epoch from now())::bigint as t
  )
  select folded(format('%s %s', a ->> 'status', a ->> 'error'))
    from body b, payments.receive_stripe_webhook('test', b.text,
           format('t=%s,v1=%s', b.t,
                  encode(public.hmac(convert_to(b.t || '.' || b.text, 'UTF8'), 'whsec_story'::bytea, 'sha256'),
                         'hex'))) a $$;
select delivered('{"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "canceled", '
                 '"status": "active", "metadata": {}}', 'evt_3');
select delivered('{"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active", '
                 '"metadata": {"insforge_subject_type": "user", "insforge_subject_id": "me", '
                 '"insforge_subject_id": "victim"}}', 'evt_4');
select count(*) as subscriptions from payments.subscriptions;
-- An app's trigger may raise with any code; that is the code on record.
create function picky() returns trigger language plpgsql as $$
  begin raise exception 'too picky' using errcode = 'PT409'; end $$;
create trigger picky before insert on payments.customers for each row execute function picky();
select said('customer.created', '{"id": "cus_7", "object": "customer"}', 'evt_7');
drop trigger picky on payments.customers;
-- A thin event may leave livemode out.
select payments.apply_stripe_event('test',
                                   '{"id": "evt_5", "object": "v2.core.event",
                                     "type": "v1.billing.meter.error_report_triggered",
                                     "created": "2025-01-01T00:00:00Z",
                                     "related_object": {"id": "mtr_1", "type": "billing.meter"}}') ->> 'status' as thin;
-- A completed session maps its customer; an admin's own word goes before it, whichever way it is written, and when it
-- goes the session's word stands again.
insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, line_items,
                                        success_url, cancel_url)
values ('11111111-2222-4333-8444-000000000001', 'test', 'payment', 'open', 'user', 'ada',
        '[{"price": "price_a", "quantity": 1}]', 'https://a.example', 'https://a.example');
select said('checkout.session.completed',
            '{"id": "cs_1", "object": "checkout.session", "mode": "payment", "status": "complete",
              "payment_status": "paid", "amount_total": 5, "currency": "usd", "customer": "cus_ada",
              "metadata": {"insforge_checkout_session_id": "11111111-2222-4333-8444-000000000001"},
              "payment_intent": "pi_1", "created": 1752000000}', 'evt_6');
create view mapped as
select m.subject_id, m.stripe_customer_id, m.evidence_event_id from payments.stripe_customer_mappings m order by 1;
select * from mapped;
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'user', 'bob', 'cus_ada');
select * from mapped;
select conflict from payments.webhook_events where stripe_event_id = 'evt_6';
select subject_id from payments.payment_history;
delete from payments.stripe_customer_mappings where subject_id = 'bob';
select * from mapped;
select conflict from payments.webhook_events where stripe_event_id = 'evt_6';
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'user', 'ada', 'cus_ada')
on conflict (environment, subject_type, subject_id) do update set stripe_customer_id = excluded.stripe_customer_id;
select * from mapped;
select * from payments.verify_projections('test');
-- Pages of a search are pages.
select payments.sync_stripe_objects('test',
                                    '{"object": "search_result",
                                      "data": [{"id": "cus_9", "object": "customer", "livemode": false}],
                                      "has_more": false}');
