-- record_all: keeps decisions on sources on which there was none; one that is there is left. $1 JSON array of objects whose keys are the columns, times in microseconds
insert into payments.fulfillments
  (environment, source, kind, target, what, state, reason, via, due, granted, taken_back, currency, starts_at, expires_at,
   matches, held, lasts)
select r.environment, r.source, r.kind, r.target, r.what, r.state, r.reason, r.via, r.due, r.granted, r.taken_back, r.currency,
       pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) (r.starts_at operator(pg_catalog.*) interval '1 microsecond'),
            pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) (r.expires_at operator(pg_catalog.*) interval '1 microsecond'),
       r.matches, r.held, r.lasts
  from pg_catalog.json_to_recordset($1::pg_catalog.json) as r (
         environment pg_catalog.text, source pg_catalog.text, kind pg_catalog.text, target pg_catalog.text, what pg_catalog.text,
              state pg_catalog.text, reason pg_catalog.text, via pg_catalog.text, due bigint,
         granted bigint, taken_back bigint, currency pg_catalog.text, starts_at bigint, expires_at bigint, matches boolean, held pg_catalog.text,
         lasts interval)
on conflict do nothing
