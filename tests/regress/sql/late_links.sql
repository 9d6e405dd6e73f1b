-- A webhook may come before the local session knows its Stripe session, and name it by nothing: what it said follows
-- the moment the row learns of it, whoever writes that.
create function said(type text, object jsonb, id text, created bigint default 1752000000) returns text
  language sql as $$
  select format('%s %s', a ->> 'status', a ->> 'error')
    from payments.apply_stripe_event('test',
                                     jsonb_build_object('id', id, 'object', 'event', 'type', type, 'created', created,
           'livemode', false, 'data', jsonb_build_object('object', object))) a $$;
create function opened(n int, kind text, name text, cs text default null) returns void language sql as $$
  insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, created_by,
                                          line_items, success_url, cancel_url, stripe_checkout_session_id)
  values (format('11111111-2222-4333-8444-00000000000%s', n)::uuid, 'test', 'payment', 'open', kind, name, 'ada',
          '[{"price": "price_a", "quantity": 1}]', 'https://a.example', 'https://a.example', cs) $$;
create function completed(cs text, pi text, customer text, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', cs, 'object', 'checkout.session', 'mode', 'payment', 'status', 'complete',
                            'payment_status', 'paid',
    'amount_total', 2000, 'currency', 'usd', 'customer', customer, 'payment_intent', pi,
    'created', 1752000000) || more $$;
create view local as
select right(s.id::text, 1) as n, s.status, s.payment_status, s.stripe_checkout_session_id as cs,
       s.stripe_payment_intent_id as pi, s.stripe_customer_id as customer
  from payments.checkout_sessions s order by 1;
create view paid as
select p.stripe_checkout_session_id as cs, p.subject_type, p.subject_id, p.stripe_price_id as price
  from payments.payment_history p order by 1;
create view mapped as select m.subject_type, m.subject_id, m.stripe_customer_id from payments.stripe_customer_mappings m
 order by 2;

-- By record_stripe_response.
select opened(1, 'user', 'ada');
select said('checkout.session.completed', completed('cs_1', 'pi_1', 'cus_1'), 'evt_1');
select * from paid;
select payments.record_stripe_response('11111111-2222-4333-8444-000000000001',
                                       '{"id": "cs_1", "object": "checkout.session", "livemode": false}')
       ->> 'status' as status;
select * from local;
select * from paid;
select * from mapped;
-- By a backend's own UPDATE, as one that knows nothing of the functions sends it.
select opened(2, 'user', 'bob');
select said('checkout.session.completed', completed('cs_2', 'pi_2', 'cus_2'), 'evt_2');
set role project_admin;
update payments.checkout_sessions set status = 'open', stripe_checkout_session_id = 'cs_2'
 where id = '11111111-2222-4333-8444-000000000002';
reset role;
select * from local where n = '2';
select * from mapped;
-- By an INSERT that brings it.
select said('checkout.session.expired',
            completed('cs_3', 'pi_3', null, '{"status": "expired", "payment_status": "unpaid"}'), 'evt_3');
select opened(3, 'user', 'cay', 'cs_3');
select * from local where n = '3';
select * from payments.verify_projections('test');
-- One customer, two subjects: the session that is linked late has the earlier evidence, and the other's event does not
-- fail for it.
select opened(4, 'user', 'dan');
select opened(5, 'team', 't');
select said('checkout.session.completed', completed('cs_4', 'pi_4', 'cus_4'), 'evt_4', 1752000004);
select payments.record_stripe_response('11111111-2222-4333-8444-000000000004',
                                       '{"id": "cs_4", "object": "checkout.session", "livemode": false}')
       ->> 'status' as status;
select said('checkout.session.completed',
            completed('cs_5', 'pi_5', 'cus_4',
                      '{"metadata": {"insforge_checkout_session_id": "11111111-2222-4333-8444-000000000005"}}'),
            'evt_5', 1752000005);
select * from mapped;
select stripe_event_id, folded(conflict, 80) as conflict from payments.webhook_events where conflict is not null;
-- An event that was pruned and comes again has its note again.
delete from payments.webhook_events where stripe_event_id = 'evt_5';
select said('checkout.session.completed',
            completed('cs_5', 'pi_5', 'cus_4',
                      '{"metadata": {"insforge_checkout_session_id": "11111111-2222-4333-8444-000000000005"}}'),
            'evt_5', 1752000005);
select stripe_event_id from payments.webhook_events where conflict is not null;
insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
values ('test', 'team', 'other', 'cus_4');
select * from mapped;
select * from payments.verify_projections('test');
-- A customer that an admin mapped is deleted, while a session claims it for another: its own word and the claim go.
select said('customer.deleted', '{"id": "cus_4", "object": "customer"}', 'evt_6', 1752000006);
select * from mapped;
-- An app's trigger on its orders that writes a contested mapping needs the whole projection; all is done again with
-- that, once.
select payments.create_app_tables() is null as made;
insert into public.orders (id, user_id, amount, currency)
values ('99999999-0000-4000-8000-000000000001', 'eve', 2000, 'usd');
insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, created_by, line_items,
                                        success_url, cancel_url, metadata)
values ('11111111-2222-4333-8444-000000000006', 'test', 'payment', 'open', 'user', 'eve', 'eve',
        '[{"price": "price_a", "quantity": 1}]', 'https://a.example', 'https://a.example',
        '{"order_id": "99999999-0000-4000-8000-000000000001"}');
create function maps() returns trigger language plpgsql as $$
begin
  insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
  values ('test', 'team', 'x', 'cus_1');
  return new;
end $$;
create trigger maps before update on public.orders for each row execute function maps();
select said('checkout.session.completed',
            completed('cs_6', 'pi_6', 'cus_6',
                      '{"metadata": {"insforge_checkout_session_id": "11111111-2222-4333-8444-000000000006"}}'),
            'evt_7', 1752000007);
select status from public.orders;
select * from mapped;
select * from payments.verify_projections('test');
-- On another table the trigger says no.
create table elsewhere (environment text, stripe_checkout_session_id text);
create trigger t after insert on elsewhere for each row execute function payments.on_session_linked();
insert into elsewhere values ('test', 'cs_1');
