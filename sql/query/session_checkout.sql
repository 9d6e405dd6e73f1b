-- find_key: the row that holds an idempotency key, and the caller's own that has it set aside.
-- $1 environment text, $2 key text, $3 key set aside text, $4 created_by text, $5 guest boolean, $6 digest of the
-- request text, $7 id of the row to insert text
-- Two look-ups instead of one with ANY, with which the planner reads all keys of an environment if it believes that there
-- are few.
with found as (
  select s.* from payments.checkout_sessions s where (s.environment operator(pg_catalog.=) $1) is true and s.idempotency_key operator(pg_catalog.=) $2
  union all
  select s.* from payments.checkout_sessions s where (s.environment operator(pg_catalog.=) $1) is true and s.idempotency_key operator(pg_catalog.=) $3
)
select pg_catalog.json_build_object(
         'id', f.id,
         'plain', f.idempotency_key operator(pg_catalog.=) $2,
         'mine', f.guest operator(pg_catalog.=) $5 and coalesce(f.created_by operator(pg_catalog.=) $4, f.created_by is null and $4 is null),
         'created_by', f.created_by,
         'guest', f.guest,
         -- The row has nothing besides the request.
         'untouched', f.status operator(pg_catalog.=) 'initialized' and f.payment_status is null and f.stripe_checkout_session_id is null
                      and f.stripe_customer_id is null and f.url is null and f.client_secret is null and f.last_error is null and f.raw operator(pg_catalog.=) '{}'
                      and payments.request_digest(pg_catalog.to_jsonb(f.*)::pg_catalog.text) operator(pg_catalog.=) $6,
         -- The same condition as in the policy guest_select.
         'shown', f.updated_at operator(pg_catalog.=) pg_catalog.now()
                  and coalesce(f.guest_transaction operator(pg_catalog.=) w.number, f.guest_transaction is null and w.number is null),
         'id_taken', exists (
           select from payments.checkout_sessions t
            where t.id operator(pg_catalog.=) case when $7 operator(pg_catalog.<>) '' then $7::pg_catalog.uuid end))::pg_catalog.text
  from found f
 cross join (select pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text::bigint as number) w;

-- move_key: gives a checkout session another form of its idempotency key, and shows it to no further guest.
-- $1 id text, $2 key text
update payments.checkout_sessions
   set idempotency_key = $2,
       guest_transaction = case when updated_at operator(pg_catalog.=) pg_catalog.now()
                                 and guest_transaction operator(pg_catalog.=) pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text::pg_catalog.int8
                                then guest_transaction end
 where id operator(pg_catalog.=) $1::pg_catalog.uuid;

-- show_to_guest: shows a guest's session to a guest who repeats the whole request, while the row has nothing besides it.
-- $1 id text, $2 key text, $3 digest of the request text
update payments.checkout_sessions as s
   set idempotency_key = $2,
       guest_transaction = pg_catalog.pg_current_xact_id()::pg_catalog.text::pg_catalog.int8
 where s.id operator(pg_catalog.=) $1::pg_catalog.uuid and s.status operator(pg_catalog.=) 'initialized' and s.payment_status is null
   and s.stripe_checkout_session_id is null
   and s.stripe_customer_id is null and s.url is null and s.client_secret is null and s.last_error is null and s.raw operator(pg_catalog.=) '{}'
   and payments.request_digest(pg_catalog.to_jsonb(s.*)::pg_catalog.text) operator(pg_catalog.=) $3;

-- find_standing: what decides on a request before its prices do (a JSON object): whether a row holds its idempotency key, plain or
-- set aside; whether a request of another kind has its id; and how many checkout sessions of its user can still be paid, at most so
-- many. Stripe keeps one open for a day.
-- $1 environment text, $2 key text, $3 key set aside text, $4 id text, $5 user text, $6 most bigint
select pg_catalog.json_build_object(
         'key_is_known',
         exists (select from payments.checkout_sessions s where (s.environment operator(pg_catalog.=) $1) is true and s.idempotency_key operator(pg_catalog.=) $2)
         or exists (select from payments.checkout_sessions s
                     where (s.environment operator(pg_catalog.=) $1) is true and s.idempotency_key operator(pg_catalog.=) $3),
         'id_is_taken',
         exists (select from payments.customer_portal_sessions s
                  where s.id operator(pg_catalog.=) case when $4 operator(pg_catalog.<>) '' then $4::pg_catalog.uuid end)
         or exists (select from payments.subscription_requests s
                     where s.id operator(pg_catalog.=) case when $4 operator(pg_catalog.<>) '' then $4::pg_catalog.uuid end),
         'open',
         (select pg_catalog.count(*)
            from (select from payments.checkout_sessions s
                   where s.created_by operator(pg_catalog.=) $5
                     and s.created_at operator(pg_catalog.>) (pg_catalog.now() operator(pg_catalog.-) '1 day'::pg_catalog.interval)
                     and (s.status operator(pg_catalog.=) 'initialized'::pg_catalog.text or s.status operator(pg_catalog.=) 'open'::pg_catalog.text)
                   limit $6) open))::pg_catalog.text;
