-- insert_events: writes events down, but for those that somebody else has written meanwhile.
-- $1 environment text, $2 stripe_event_ids, $3 event types text[], $4 livemodes boolean[], $5 accounts, $6 object types,
-- $7 object ids, $8 processing statuses, $9 last errors text[], $10 payloads json[], $11 signed bodies, $12 signatures text[]
insert into payments.webhook_events
  (environment, stripe_event_id, event_type, livemode, stripe_account_id, object_type, object_id,
   processing_status, last_error, attempt_count, payload, signed_body, signature, processed_at)
select $1, e.id, e.event_type, e.livemode, e.account, e.object_type, e.object_id, e.status, e.error, 1, e.payload, e.signed_body,
       e.signature, case when e.status operator(pg_catalog.=) any (array['processed', 'ignored']) then pg_catalog.now() end
  from (select pg_catalog.unnest($2::pg_catalog.text[]) as id, pg_catalog.unnest($3::pg_catalog.text[]) as event_type,
               pg_catalog.unnest($4::boolean[]) as livemode, pg_catalog.unnest($5::pg_catalog.text[]) as account,
               pg_catalog.unnest($6::pg_catalog.text[]) as object_type, pg_catalog.unnest($7::pg_catalog.text[]) as object_id,
               pg_catalog.unnest($8::pg_catalog.text[]) as status, pg_catalog.unnest($9::pg_catalog.text[]) as error,
               pg_catalog.unnest($10::pg_catalog.json[]) as payload, pg_catalog.unnest($11::pg_catalog.text[]) as signed_body,
               pg_catalog.unnest($12::pg_catalog.text[]) as signature) as e
on conflict (environment, stripe_event_id) do nothing;

-- is_watched: whether a trigger that is not ours, a rule, a foreign key or a publication depends on webhook_events (a JSON boolean).
select pg_catalog.to_json(
         exists (select from pg_catalog.pg_trigger t
                  where t.tgrelid operator(pg_catalog.=) c.oid
                    and not exists (
                      select from pg_catalog.pg_depend d
                        join pg_catalog.pg_extension x on x.oid operator(pg_catalog.=) d.refobjid
                       where d.classid operator(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
                         and d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
                         and d.objid operator(pg_catalog.=) t.tgfoid
                         and d.deptype operator(pg_catalog.=) 'e'::pg_catalog."char"
                         and x.extname operator(pg_catalog.=) 'payments'::pg_catalog.name))
      or exists (select from pg_catalog.pg_rewrite r where r.ev_class operator(pg_catalog.=) c.oid)
      or exists (select from pg_catalog.pg_publication p where p.puballtables)
      or exists (select from pg_catalog.pg_publication_rel p where p.prrelid operator(pg_catalog.=) c.oid)
      or exists (select from pg_catalog.pg_publication_namespace p where p.pnnspid operator(pg_catalog.=) c.relnamespace))::pg_catalog.text
  from pg_catalog.pg_class c
 where c.relname operator(pg_catalog.=) 'webhook_events'::pg_catalog.name
   and c.relnamespace operator(pg_catalog.=) (
         select n.oid from pg_catalog.pg_namespace n where n.nspname operator(pg_catalog.=) 'payments'::pg_catalog.name);

-- claim_event: locks an event that was received before, and tells how it stands, and its body unless that is the one here
-- (a JSON object). $1 environment text, $2 stripe_event_id text, $3 its body text
select pg_catalog.json_build_object(
         'event_id', e.stripe_event_id,
         'status', e.processing_status,
         'other_body', case when coalesce(e.signed_body, e.payload::pg_catalog.text) operator(pg_catalog.<>) $3
                            then coalesce(e.signed_body, e.payload::pg_catalog.text) end)::pg_catalog.text
  from payments.webhook_events e
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) $2
   for no key update;

-- claim_events: the same of many (JSON objects). $1 environment text, $2 stripe_event_ids text[], $3 their bodies text[]
select pg_catalog.json_build_object(
         'event_id', e.stripe_event_id,
         'status', e.processing_status,
         'other_body', case when coalesce(e.signed_body, e.payload::pg_catalog.text)
                                 operator(pg_catalog.<>) ($3)[pg_catalog.array_position($2, e.stripe_event_id)]
                            then coalesce(e.signed_body, e.payload::pg_catalog.text) end)::pg_catalog.text
  from payments.webhook_events e
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) any ($2)
   for no key update;

-- refuse_event: notes that an event's id came again with another body. $1 environment text, $2 stripe_event_id text
update payments.webhook_events e set refused_count = e.refused_count operator(pg_catalog.+) 1
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) $2;

-- update_event_body: what another API version made of an event. $1 environment text, $2 stripe_event_id text, $3 payload json,
-- $4 signed_body text, $5 signature text
update payments.webhook_events e set payload = $3, signed_body = $4, signature = $5
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) $2;

-- count_wrong_livemode: events of the other environment were posted. $1 environment text, $2 how many bigint
insert into payments.stripe_connections as c (environment, wrong_livemode_count, wrong_livemode_at)
values ($1, $2, pg_catalog.now())
on conflict (environment) do update
   set wrong_livemode_count = c.wrong_livemode_count operator(pg_catalog.+) $2, wrong_livemode_at = pg_catalog.now();

-- update_event_outcome: the outcome of an event.
-- $1 environment text, $2 stripe_event_id text, $3 processing_status text, $4 last_error text
update payments.webhook_events e
   set updated_at = pg_catalog.now(),
       processing_status = $3,
       last_error = $4,
       attempt_count = e.attempt_count operator(pg_catalog.+) case when e.processing_status operator(pg_catalog.=) 'failed' then 1 else 0 end,
       processed_at = case when $3 operator(pg_catalog.=) 'failed' then null else pg_catalog.now() end
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) $2;
