-- record_fulfillment: keeps a decision. $1 environment, $2 source, $3 kind, $4 target, $5 what, $6 state, $7 reason, $8 via text, $9 due, $10 granted, $11 taken_back bigint, $12 currency text, $13 starts_at, $14 expires_at bigint (microseconds), $15 matches boolean, $16 held, $17 lasts text
insert into payments.fulfillments as f
  (environment, source, kind, target, what, state, reason, via, due, granted, taken_back, currency, starts_at, expires_at,
   matches, held, lasts)
values
  ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
   timestamptz 'epoch' + $13 * interval '1 microsecond', timestamptz 'epoch' + $14 * interval '1 microsecond', $15, $16, $17::interval)
on conflict (environment, source, kind, target, what) do update
   set state = excluded.state, reason = excluded.reason, sqlstate = null, via = excluded.via, due = excluded.due,
       granted = excluded.granted, taken_back = excluded.taken_back, currency = excluded.currency,
       starts_at = excluded.starts_at, expires_at = excluded.expires_at, matches = excluded.matches, held = excluded.held,
       lasts = excluded.lasts, updated_at = pg_catalog.now()
 where (f.state, f.reason, f.sqlstate, f.via, f.due, f.granted, f.taken_back, f.currency, f.starts_at, f.expires_at,
        f.matches, f.held, f.lasts)
       is distinct from
       (excluded.state, excluded.reason, null::text, excluded.via, excluded.due, excluded.granted, excluded.taken_back,
        excluded.currency, excluded.starts_at, excluded.expires_at, excluded.matches, excluded.held, excluded.lasts)
