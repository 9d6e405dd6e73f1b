-- record_all: keeps decisions on sources on which there was none; one that is there is left. $1 JSON array of objects whose keys are the columns, times in microseconds
insert into payments.fulfillments
  (environment, source, kind, target, what, state, reason, via, due, granted, taken_back, currency, starts_at, expires_at,
   matches, held, lasts)
select r.environment, r.source, r.kind, r.target, r.what, r.state, r.reason, r.via, r.due, r.granted, r.taken_back, r.currency,
       timestamptz 'epoch' + r.starts_at * interval '1 microsecond', timestamptz 'epoch' + r.expires_at * interval '1 microsecond',
       r.matches, r.held, r.lasts
  from pg_catalog.json_to_recordset($1::json) as r (
         environment text, source text, kind text, target text, what text, state text, reason text, via text, due bigint,
         granted bigint, taken_back bigint, currency text, starts_at bigint, expires_at bigint, matches boolean, held text,
         lasts interval)
on conflict do nothing
