-- record_failure: keeps that giving raised an error; what was given before stays on record, and so does the promise. $1 environment, $2 source, $3 kind, $4 target, $5 what, $6 reason, $7 sqlstate, $8 via text, $9 due, $10 expires_at bigint (microseconds), $11 lasts text
insert into payments.fulfillments as f
  (environment, source, kind, target, what, state, reason, sqlstate, attempts, via, due, expires_at, lasts)
values ($1, $2, $3, $4, $5, 'failed'::pg_catalog.text, $6, $7, 1, $8, $9,
     pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) ($10 operator(pg_catalog.*) interval '1 microsecond'), $11::interval)
on conflict (environment, source, kind, target, what) do update
   set state = excluded.state, reason = excluded.reason, sqlstate = excluded.sqlstate, attempts = f.attempts operator(pg_catalog.+) 1,
       via = coalesce(f.via, excluded.via), due = coalesce(f.due, excluded.due),
       expires_at = coalesce(f.expires_at, excluded.expires_at), lasts = coalesce(f.lasts, excluded.lasts), updated_at = pg_catalog.now()
