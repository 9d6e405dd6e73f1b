-- ping: returns a row if the database can be reached.
select 'yes'::text;

-- claim_requests: claims waiting requests; no other bridge can claim them until the lease expires.
-- $1 integer: the limit; $2 text: the lease, an interval.
select pg_catalog.to_jsonb(r)::text
  from payments.claim_session_requests($1::integer, $2::text::interval) as r;

-- postpone_request: postpones a request; it can be claimed again after the delay.
-- $1 text: the session; $2 text: the delay, an interval; $3 text: the reason.
select payments.postpone_session_request($1::text::uuid, $2::text::interval, $3::text);

-- record_response: records Stripe's response to a request.
-- $1 text: the session; $2 text: the response, JSON.
select (payments.record_stripe_response($1::text::uuid, $2::text::jsonb) ->> 'status')::text;

-- record_error: records why a request failed permanently.
-- $1 text: the session; $2 text: the reason.
select (payments.record_stripe_error($1::text::uuid, $2::text) ->> 'status')::text;

-- claim_reads: claims lists that purchases wait for; no other bridge can claim them until the lease expires.
-- $1 integer: the limit; $2 text: the lease, an interval.
select pg_catalog.to_jsonb(r)::text
  from payments.claim_stripe_reads($1::integer, $2::text::interval) as r;

-- sync_objects: projects objects that Stripe returned.
-- $1 text: the environment; $2 text: a JSON array of objects and lists; $3 double precision: when the fetch started, in
-- seconds since 1970.
select payments.sync_stripe_objects($1::text, $2::text::jsonb, pg_catalog.to_timestamp($3::double precision))::text;

-- receive_webhook: verifies and records one delivery.
-- $1 text: the environment; $2 bytea: the raw body; $3 text: the Stripe-Signature header.
select payments.receive_stripe_webhook($1::text, $2::bytea, $3::text)::text;

-- receive_webhooks: verifies and records a batch of deliveries in one transaction.
-- $1 text: the environment; $2 text[]: the raw bodies; $3 text[]: the Stripe-Signature headers, in the same order.
select payments.receive_stripe_webhooks($1::text, $2::text[], $3::text[])::text;

-- apply_event: applies an event that Stripe's API returned, unless it was applied before.
-- $1 text: the environment; $2 text: the event's JSON.
select payments.apply_stripe_event($1::text, $2::text::jsonb)::text;

-- event_types: the event types that change rows.
select pg_catalog.jsonb_agg(t order by t)::text
  from payments.handled_event_types() as t;

-- events_cursor: the id of the event that reading resumes from; null before the first read.
-- $1 text: the environment.
select payments.events_cursor($1::text);

-- set_events_cursor: stores the id of the event that reading resumes from.
-- $1 text: the environment; $2 text: the event's id.
select payments.set_events_cursor($1::text, $2::text);

-- connection: the environment's account and webhook endpoint, whether it has a secret, and whether it is open.
-- $1 text: the environment.
select pg_catalog.jsonb_build_object(
         'account', c.stripe_account_id,
         'endpoint_id', c.webhook_endpoint_id,
         'endpoint_url', c.webhook_endpoint_url,
         'events_read_at', pg_catalog.floor(extract(epoch from c.events_read_at)),
         'has_secret', payments.has_webhook_secret($1::text),
         'open', $1::text = 'test' or e.live_approved_at is not null)::text
  from (select $1::text as environment) as asked
  left join payments.stripe_connections as c on c.environment = asked.environment
  left join payments.environments as e on e.environment = asked.environment;

-- stripe_version: the version of Stripe's API that requests are written for.
select payments.stripe_version();

-- received_event_of_version: whether a signed event in this API version was delivered since the endpoint was configured.
-- $1 text: the environment; $2 text: the API version.
select exists (
         select
           from payments.webhook_events as w
           join payments.stripe_connections as c on c.environment = w.environment
          where w.environment = $1::text
            and w.received_at >= c.webhook_configured_at
            and w.signature is not null
            and w.payload ->> 'api_version' = $2::text)::text;

-- set_secret: sets the secret that Stripe signs the environment's events with.
-- $1 text: the environment; $2 text: the secret; $3 text: how long previous secrets stay valid, an interval.
select payments.set_webhook_secret($1::text, $2::text, $3::text::interval);

-- set_account: records the environment's Stripe account.
-- $1 text: the environment; $2 text: the id of the account.
select payments.set_stripe_account($1::text, $2::text);

-- record_endpoint: records the endpoint that Stripe posts the environment's events to.
-- $1 text: the environment; $2 text: the endpoint's id; $3 text: its URL; $4 text: its version of Stripe's API.
select payments.record_webhook_endpoint($1::text, $2::text, $3::text, $4::text);

-- sync_position: the id of the last object that an unfinished sync of the resource stored; null if there is none.
-- $1 text: the environment; $2 text: the resource.
select payments.sync_position($1::text, $2::text);

-- record_sync: records the progress of a sync.
-- $1 text: the environment; $2 text: the resource; $3 text: the id of the last object; $4 bigint: the number of objects in
-- this step; $5 boolean: whether the sync is finished; $6 text: the error.
select payments.record_sync($1::text, $2::text, $3::text, $4::bigint, $5::boolean, $6::text);

-- findings: the results of payments.doctor().
select pg_catalog.jsonb_build_object('check_name', f.check_name, 'ok', f.ok, 'detail', f.detail, 'fix', f.fix)::text
  from payments.doctor() as f;

-- disable_statement_logging: keeps this transaction's statements and parameters out of the server's log; needs a superuser.
select pg_catalog.set_config(s.name, s.value, true)
  from (values ('log_statement', 'none'),
               ('log_min_duration_statement', '-1'),
               ('log_min_duration_sample', '-1'),
               ('log_transaction_sample_rate', '0'),
               ('log_duration', 'off'),
               ('log_parameter_max_length', '0'),
               ('log_min_error_statement', 'panic'),
               ('log_parameter_max_length_on_error', '0'),
               ('track_activities', 'off')) as s (name, value);

-- unprocessed_events: which of these events were neither processed nor ignored.
-- $1 text: the environment; $2 text[]: the ids of the events.
select pg_catalog.to_json(asked.id)::text
  from pg_catalog.unnest($2::text[]) as asked (id)
 where not exists (
   select
     from payments.webhook_events as w
    where w.environment = $1::text
      and w.stripe_event_id = asked.id
      and w.processing_status in ('processed', 'ignored'));
