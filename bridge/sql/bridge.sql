-- answers: says yes where the database can be reached.
select 'yes'::text;

-- claim_requests: hands out requests that wait to be sent to Stripe, each for this bridge alone until its lease ends.
-- $1 integer: how many; $2 text: the lease, an interval.
select pg_catalog.to_jsonb(r)::text
  from payments.claim_session_requests($1::integer, $2::text::interval) as r;

-- postpone_request: has a request tried again after a delay.
-- $1 text: the session; $2 text: the delay, an interval; $3 text: why.
select payments.postpone_session_request($1::text::uuid, $2::text::interval, $3::text);

-- record_response: records what Stripe answered to a request.
-- $1 text: the session; $2 text: the answer's JSON.
select (payments.record_stripe_response($1::text::uuid, $2::text::jsonb) ->> 'status')::text;

-- record_error: records why a request failed for good.
-- $1 text: the session; $2 text: the reason.
select (payments.record_stripe_error($1::text::uuid, $2::text) ->> 'status')::text;

-- claim_reads: hands out what must be fetched from Stripe because a purchase waits for it.
-- $1 integer: how many; $2 text: the lease, an interval.
select pg_catalog.to_jsonb(r)::text
  from payments.claim_stripe_reads($1::integer, $2::text::interval) as r;

-- sync_objects: projects objects that Stripe returned.
-- $1 text: the environment; $2 text: JSON, an array of objects and lists; $3 double precision: when the fetching began, in
-- seconds since 1970.
select payments.sync_stripe_objects($1::text, $2::text::jsonb, pg_catalog.to_timestamp($3::double precision))::text;

-- receive_webhook: receives one delivery, verified and recorded when this is committed.
-- $1 text: the environment; $2 bytea: the raw body; $3 text: the Stripe-Signature header.
select payments.receive_stripe_webhook($1::text, $2::bytea, $3::text)::text;

-- receive_webhooks: receives many deliveries in one transaction.
-- $1 text: the environment; $2 text[]: the raw bodies; $3 text[]: the headers, at the same places.
select payments.receive_stripe_webhooks($1::text, $2::text[], $3::text[])::text;

-- apply_event: applies an event that Stripe's API returned, unless it was applied before.
-- $1 text: the environment; $2 text: the event's JSON.
select payments.apply_stripe_event($1::text, $2::text::jsonb)::text;

-- event_types: the event types that change rows.
select pg_catalog.jsonb_agg(t order by t)::text
  from payments.handled_event_types() as t;

-- events_cursor: the event from which reading goes on; null before the first reading.
-- $1 text: the environment.
select payments.events_cursor($1::text);

-- set_events_cursor: remembers the event from which reading goes on.
-- $1 text: the environment; $2 text: the event's id.
select payments.set_events_cursor($1::text, $2::text);

-- connection: what is recorded of the environment's account and endpoint, whether it has a secret, and whether it is open.
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

-- stripe_version: the version of Stripe's API that requests are written in.
select payments.stripe_version();

-- event_of_version_came: whether an event that this version rendered was delivered, signed, since the endpoint was made.
-- $1 text: the environment; $2 text: the version.
select exists (
         select
           from payments.webhook_events as w
           join payments.stripe_connections as c on c.environment = w.environment
          where w.environment = $1::text
            and w.received_at >= c.webhook_configured_at
            and w.signature is not null
            and w.payload ->> 'api_version' = $2::text)::text;

-- set_secret: sets the secret that Stripe signs the environment's events with.
-- $1 text: the environment; $2 text: the secret; $3 text: how long the previous ones stay valid, an interval.
select payments.set_webhook_secret($1::text, $2::text, $3::text::interval);

-- set_account: says which Stripe account is the environment's own.
-- $1 text: the environment; $2 text: the account.
select payments.set_stripe_account($1::text, $2::text);

-- record_endpoint: records the endpoint that Stripe posts the environment's events to.
-- $1 text: the environment; $2 text: its id; $3 text: its url; $4 text: its version of Stripe's API.
select payments.record_webhook_endpoint($1::text, $2::text, $3::text, $4::text);

-- sync_position: where a back-fill of this resource goes on; null at its beginning.
-- $1 text: the environment; $2 text: the resource.
select payments.sync_position($1::text, $2::text);

-- record_sync: records how far a back-fill of this resource is.
-- $1 text: the environment; $2 text: the resource; $3 text: the last object; $4 bigint: how many so far; $5 boolean: whether it
-- is finished; $6 text: what went wrong.
select payments.record_sync($1::text, $2::text, $3::text, $4::bigint, $5::boolean, $6::text);

-- findings: what a careful admin would look at.
select pg_catalog.jsonb_build_object('check_name', f.check_name, 'ok', f.ok, 'detail', f.detail, 'fix', f.fix)::text
  from payments.doctor() as f;

-- keep_out_of_log: for this transaction, leaves statements and their parameters out of the server's log; only a superuser may.
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

-- unknown_events: those of some events that were not processed.
-- $1 text: the environment; $2 text[]: their ids.
select pg_catalog.to_json(asked.id)::text
  from pg_catalog.unnest($2::text[]) as asked (id)
 where not exists (
   select
     from payments.webhook_events as w
    where w.environment = $1::text
      and w.stripe_event_id = asked.id
      and w.processing_status in ('processed', 'ignored'));
